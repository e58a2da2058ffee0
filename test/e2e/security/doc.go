// Package security is an adversary: what is tried by users of one namespace, by whoever
// reaches the webhook's port, and by who stole a token of rcroll's, on a real API server.
//
// Each attempt is a line of a table, with who tries it and what must come of it: it is
// refused, or it is without effect. In either case every ReplicationController and every
// pod of the namespace must be afterwards as they were before, a moment later too, and
// nothing new may run. docs/security.md lists the attempts; TestDocument compares.
package security
