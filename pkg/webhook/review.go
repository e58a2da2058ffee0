package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/mutate"
)

// forReview bounds the work for one review. The server ends the contexts of its
// requests when the process is asked to end, and waits for their answers
// nevertheless: one that has begun is answered properly.
func forReview(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), deadline)
}

func decode(req admission.Request) (mutate.Write, error) {
	write := mutate.Write{User: req.UserInfo.Username}
	var err error
	if write.New, err = decodeObject(req, req.Object); err != nil || req.Operation == admissionv1.Create {
		return write, err
	}
	if write.Old, err = decodeObject(req, req.OldObject); err != nil {
		return write, err
	}
	var options metav1.UpdateOptions
	if err := json.Unmarshal(req.Options.Raw, &options); err != nil {
		return write, errDecode("options", req, err)
	}
	write.FieldManager = options.FieldManager
	write.DryRun = req.DryRun != nil && *req.DryRun
	return write, nil
}

// decoder decodes nothing into a type, so that fields that this build does not know
// survive; so it needs to know none.
var decoder = admission.NewDecoder(runtime.NewScheme())

func decodeObject(req admission.Request, raw runtime.RawExtension) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := decoder.DecodeRaw(raw, object); err != nil {
		return nil, errDecode("object", req, err)
	}
	if object.Object == nil {
		return nil, errDecode("object", req, errNothingToDecode)
	}
	if req.Operation == admissionv1.Update {
		// All of a review are about one object: what is proven of one holds for the others.
		object.SetNamespace(req.Namespace)
		object.SetName(req.Name)
	}
	return object, nil
}

// refused answers with the decision's words. A command that is out of date is a
// conflict: the agent observes again.
func refused(decision mutate.Decision) admission.Response {
	response := admission.Denied(decision.Refusal.Error())
	if decision.Stale {
		response.Result.Code = http.StatusConflict
		response.Result.Reason = metav1.StatusReasonConflict
	}
	return response
}

// rejected hands the API server's own words on, after what it is about. A conflict says
// all by itself, and clients know it.
func rejected(what string, err error) admission.Response {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("%s: %w", what, err))
	}
	result := status.Status()
	if !apierrors.IsConflict(err) {
		result.Message = what + ": " + result.Message
	}
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &result}}
}
