// Package rollout decides how a rollout goes on: from a Snapshot of a
// ReplicationController, of the next ReplicationControllers that it controls and
// of the request, Plan derives the writes that are due now. Nothing is
// remembered between two decisions but the times of the last scale-up and of the
// last step, and neither is needed, so whoever applies them may be killed anywhere
// and go on from what the objects say. Inspect reads out of pods why they keep a
// rollout waiting.
//
// The package is pure: it imports API types, never a client, a context or a
// logger, and time is passed in.
package rollout
