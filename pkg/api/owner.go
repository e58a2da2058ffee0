package api

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ControllerOf returns the reference to the ReplicationController that controls an
// object: a pod, or another ReplicationController. It is nil if none does.
func ControllerOf(object metav1.Object) *metav1.OwnerReference {
	owner := metav1.GetControllerOf(object)
	if owner == nil || owner.APIVersion != GroupVersionKind.GroupVersion().String() || owner.Kind != GroupVersionKind.Kind {
		return nil
	}
	return owner
}

// IsOwned reports whether a ReplicationController is an owned one, new or old: made by
// the agent for a rollout of the ReplicationController that controls it.
func IsOwned(rc metav1.Object) bool {
	return rc.GetLabels()[RollingLabel] == True && ControllerOf(rc) != nil
}

// IsForeign reports whether something other than a ReplicationController controls a
// ReplicationController: a DeploymentConfig of OpenShift, or a custom resource. That is
// what rolls it, and it is left alone, whatever labels it carries.
func IsForeign(rc metav1.Object) bool {
	return metav1.GetControllerOf(rc) != nil && ControllerOf(rc) == nil
}
