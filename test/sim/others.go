package sim

import (
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
)

// What else judges and changes ReplicationControllers in the cluster, after rcroll's
// webhook: a policy that comes and goes and puts its stamp into every template that is
// written, and one that forbids an image to the users.

// forbiddenImage may be used by nobody but rcroll's accounts, which no user asks.
const forbiddenImage = "tomcat:13"

const stampAnnotation = "example.com/stamp"

// otherAdmission is what becomes of an object that is about to be stored. It may share
// parts with others.
func (w *World) otherAdmission(by requester, object map[string]any) (map[string]any, error) {
	if by.user == someUser && api.Spec(object["spec"].(map[string]any)).Images()[mainContainer] == forbiddenImage {
		return nil, apierrors.NewForbidden(rcResource, tomcat, fmt.Errorf("ValidatingAdmissionPolicy 'images' denied request: %s is not for users", forbiddenImage))
	}
	if w.stamp == 0 {
		return object, nil
	}
	object = runtime.DeepCopyJSON(object)
	template := object["spec"].(map[string]any)["template"].(map[string]any)
	setAnnotation(template, stampAnnotation, strconv.Itoa(w.stamp))
	return object, nil
}

// toggleStamp is another policy each time.
func (w *World) toggleStamp() {
	w.stamps++
	if w.stamp == 0 {
		w.stamp = w.stamps
	} else {
		w.stamp = 0
	}
	w.tell("templates get the stamp: %d", w.stamp)
}

// judge is the API server's verdict on what a user wants.
func (w *World) judge(by requester, question map[string]any) (api.Spec, error) {
	as := by
	stored, err := w.otherAdmission(as, question)
	if err != nil {
		return nil, err
	}
	return stored["spec"].(map[string]any), nil
}
