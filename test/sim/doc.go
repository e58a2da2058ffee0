// Package sim is a deterministic simulation of a cluster around one
// ReplicationController: an API server in memory, models of the controllers and
// kubelets, users, and faults. rcroll in it is the real one: pkg/mutate decides
// each admission, and pkg/agent's reconciler runs, write by write, between
// everything else that may happen.
//
// There is one scheduler. Whatever can happen next is a step; a seed (or, in the
// exhaustive mode, a search) picks one. There is no concurrency and no real time.
package sim
