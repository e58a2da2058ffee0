// Package certs makes, stores, publishes and renews the certificate that the
// webhook serves.
//
// One Secret holds the serving certificate (tls.crt, tls.key) and its CA (ca.crt)
// for all replicas of the webhook. Every replica runs a Rotator that makes the
// Secret if it is missing, renews what is in it when that is due, puts the CA into
// the caBundle of every webhook of the MutatingWebhookConfiguration, and writes
// the certificate into a directory out of which the webhook's server reloads it.
// No replica leads: a write carries the resourceVersion that it was decided on, so
// of two that renew at once one meets a conflict and takes what the other one
// made. What a replica serves depends on nobody but the API server, and needs no
// volume that the kubelet has to sync.
//
// # Renewal
//
// A certificate is renewed 90 days before it expires, when it lacks a DNS name,
// and when the Secret is deleted or spoilt. Each one has a CA of its own whose key
// is forgotten at once, so there is one kind of renewal, it happens every year
// rather than every ten, and nobody can steal a CA key. The steps keep what is
// served and what is trusted together:
//
//  1. The new certificate and its CA are written to the Secret.
//  2. The new CA is put into each caBundle, in front of the one that is there.
//     Everybody still serves the old certificate.
//  3. Five seconds later, when every API server has seen the new caBundle, each
//     replica serves the new certificate.
//
// At no time of these does an API server refuse a replica's certificate. The old
// CA stays trusted until the next renewal; who wants to revoke it removes the
// caBundle, which then comes back with the CA of the Secret only.
//
// There is a gap of a few milliseconds in that case, as whenever another tool
// empties the caBundle: until the Rotator, which watches it, has put the CA back,
// the API server's new connections fail.
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
