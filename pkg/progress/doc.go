// Package progress says from plain objects how far the rollout of a
// ReplicationController is: what users of the commands read and wait for. It decides
// nothing about the rollout itself, does no I/O, and needs no more than what a user of
// the namespace may read.
package progress
