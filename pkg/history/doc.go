// Package history decides what the history of a ReplicationController says: which
// revisions are to be created, updated and deleted when a rollout starts and when it ends.
// Everything here is a plain value; the package does no I/O.
package history
