// Package v1alpha1 is rcroll's own API: RolloutPolicy, by which an administrator decides
// for the cluster how ReplicationControllers roll.
//
// +kubebuilder:object:generate=true
// +groupName=rcroll.dev
package v1alpha1
