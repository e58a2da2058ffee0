// Package observe watches a rollout from the outside and reports afterwards whether
// it kept its promises at every moment: enough pods available (P1), not too many
// in all (P2), the ReplicationController always there and itself (P3), and no pod
// created or deleted for nothing (P4).
//
// It sees every event of the API server from the moment it starts, none is
// sampled: what a poll would miss between two looks is exactly what matters. The
// shell in observer.go only watches; what the events amount to is folded into
// moments (fold.go) and judged afterwards (check.go) by pure functions.
package observe
