// Package rolloutpolicies tests what each field of a RolloutPolicy does to the
// ReplicationControllers that it selects.
package rolloutpolicies
