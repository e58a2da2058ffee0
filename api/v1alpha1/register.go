package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is that of RolloutPolicy.
var GroupVersion = schema.GroupVersion{Group: "rcroll.dev", Version: "v1alpha1"}

// RolloutPolicies is the resource.
var RolloutPolicies = GroupVersion.WithResource("rolloutpolicies")

// AddToScheme adds the types of this package to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &RolloutPolicy{}, &RolloutPolicyList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
