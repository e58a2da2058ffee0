package main

import (
	"fmt"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sayWhatIsLacking logs at start-up what rcroll does without on this API server.
func sayWhatIsLacking(log logr.Logger, mapper meta.RESTMapper) {
	policy := schema.GroupKind{Group: admissionv1.GroupName, Kind: "MutatingAdmissionPolicy"}
	_, err := mapper.RESTMapping(policy, admissionv1.SchemeGroupVersion.Version)
	switch {
	case meta.IsNoMatchError(err):
		log.Info("The API server does not serve MutatingAdmissionPolicy as v1 (Kubernetes 1.36 or later): pods keep the label rcroll.dev/successor after a rolling update, and who orphans them has to remove it before anything else can adopt them")
	case err != nil:
		log.Error(fmt.Errorf("look up %v: %w", policy, err), "Cannot find out what the API server serves")
	}
}
