package webhook

import (
	"context"
	"errors"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/golden/messages"
)

func TestMessages(t *testing.T) {
	req := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Namespace: "shop", Name: "tomcat"}}
	invalid := apierrors.NewInvalid(api.GroupVersionKind.GroupKind(), "tomcat-0123", field.ErrorList{
		field.Required(field.NewPath("spec", "template", "spec", "containers").Index(0).Child("image"), "")})
	conflict := apierrors.NewConflict(corev1.Resource("replicationcontrollers"), req.Name, errOutdated)
	answer := func(when, what string, err error) messages.Message {
		return messages.Message{When: when, Text: rejected(what, err).Result.Message}
	}
	messages.Check(t,
		answer("the API server rejects the requested template", templateNotAccepted(req), invalid),
		answer("the API server does not answer", templateNotAccepted(req), context.DeadlineExceeded),
		answer("many writes of one user", templateNotAccepted(req), apierrors.NewTooManyRequests(tooManyOfUser, 1)),
		answer("a Scale for an older version", replicasNotRecorded(req), conflict),
		messages.Error("a review without an object", errDecode("object", req, errNothingToDecode)),
		messages.Error("a review without options", errDecode("options", req, errors.New("unexpected end of JSON input"))),
		messages.Error("an answer that cannot be encoded", errEncode(req, errors.New("json: unsupported type"))),
	)
}
