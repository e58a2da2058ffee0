// Package certs makes, stores, publishes and renews the certificate that the
// webhook serves.
//
// One Secret holds the serving certificate (tls.crt, tls.key) and the CAs to
// trust (ca.crt), for all replicas of the webhook. Every replica runs a Keeper
// that makes the Secret if it is missing, renews what is in it when that is due,
// puts ca.crt into the caBundle of every webhook of the
// MutatingWebhookConfiguration, and writes the certificate into a directory out
// of which the webhook's server reloads it. No replica leads: a write carries the
// resourceVersion that it was decided on, so of two that renew at once one meets
// a conflict and takes what the other one made. What a replica serves depends on
// nobody but the API server, and needs no volume that the kubelet has to sync.
//
// # Renewal
//
// A certificate is renewed 90 days before it expires, or when it lacks a DNS
// name. Each one has a CA of its own whose key is forgotten at once, so there is
// one kind of renewal, it happens every year rather than every ten, and nobody
// can steal a CA key. The steps keep what is served and what is trusted together:
//
//  1. One write to the Secret: the new certificate, and in ca.crt its CA and the
//     one before it.
//  2. The caBundle gets both CAs. Everybody still serves the old certificate.
//  3. Five seconds later, when every API server has seen the new caBundle, each
//     replica serves the new certificate.
//
// At no time of these does an API server refuse a replica's certificate. The old
// CA stays trusted until the next renewal.
//
// There is a gap of some ten milliseconds when the Secret is deleted or
// overwritten by hand, which is the way to revoke: the new CA is then the only
// one in the caBundle, and until a replica has noticed (by watch) a new
// connection of the API server to it fails. Connections that are open stay so.
// The same holds when another tool empties the caBundle, until it is put back.
//
// # The library
//
// Certificates are made and judged by cert-controller, the library that
// Gatekeeper keeps. Its rotator (AddRotator) is not used: in v0.16 it builds a
// cache of its own that lists all Secrets of the namespace and all webhook
// configurations of the cluster, whatever the manager's cache is restricted to;
// it swaps the CA in one step; it looks at one DNS name only; it cannot make the
// Secret; and it ends the process when something takes it too long.
package certs
