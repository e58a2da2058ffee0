// Package policies tests what the manifests have the API server refuse, or not ask the
// webhook about: the ValidatingAdmissionPolicies, the webhook configuration, and the
// RBAC rules. The tests write with the real tokens of the agent and the webhook, as users
// of one namespace, and while no webhook runs.
package policies
