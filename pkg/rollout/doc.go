// Package rollout decides how a rollout goes on: from a Snapshot of a
// ReplicationController, of the ReplicationControllers that it owns and of the
// request, Decide derives the writes that are due now, or the one question whose
// answer it needs first. Nothing that is remembered between two decisions is needed
// to go on: an agent may be killed anywhere, and its successor continues from what
// the objects say. Inspect reads from pods why they are not available.
//
// The package is pure: it imports API types, never a client, a context or a
// logger, and time is passed in.
package rollout
