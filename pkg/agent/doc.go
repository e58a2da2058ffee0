// Package agent is the controller around pkg/rollout: it observes the rollouts in
// flight, lets rollout.Decide decide, and writes what was decided.
//
// Its informer holds only ReplicationControllers that carry the rolling label, so
// its memory grows with the rollouts in flight and not with the cluster. It reads
// and writes them untyped: fields that this build does not know count in the
// comparison of templates, and survive.
package agent
