// Package mutate decides what a write to a ReplicationController means and what
// is to be stored instead of it.
//
// It is the webhook's brain and has no hands: it takes the object before and
// after a write, with who wrote it, and returns a decision. It reads no clock,
// calls no API and keeps no state, so that every rule can be tested as a table.
//
// The rules, from outermost to innermost file: decide.go sorts writes by who
// made them, request.go finds out what a user asked for, intent.go (with copy.go)
// recognises declarative writes and cancels, merge.go (with mergelist.go and schema.go) adds an
// imperative one to a pending request, command.go carries out the agent's commands and
// scale.go judges writes to the scale subresource. Refusals are in reserved.go,
// settings.go, hashlabel.go, size.go and delete.go, and all words in messages.go.
package mutate
