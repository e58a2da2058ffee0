// Package policy says what RolloutPolicies mean for a ReplicationController: which of them
// select it, what is default, what is allowed, and what has to wait until when. It decides
// and does no I/O.
//
// Defaults are those of one policy; restrictions of all that select a ReplicationController
// hold together. So no policy can loosen what another one restricts.
package policy
