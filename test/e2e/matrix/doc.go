// Package matrix makes every edit with every client (rows) at every moment of a
// rollout (columns), and follows each to its end: what is told to the user, what is
// requested then, and which pods serve at last are those of the table in
// docs/clients.md.
//
//	go test ./test/e2e/matrix -run TestClientsDocument -update
//
// writes the table from the rows, without a control plane. TestMatrix with -update, on
// a control plane, also records the reviews that the API server sent into
// pkg/webhook/testdata/reviews, where unit tests replay them.
package matrix
