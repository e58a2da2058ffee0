// Package certs issues, stores, publishes and rotates the serving certificate of
// the webhook.
//
// One Secret holds the certificate (tls.crt, tls.key) and its CA (ca.crt) for all
// replicas of the webhook. Every replica runs a Rotator, which creates the Secret if
// it does not exist, renews the certificate when that is due, adds the CA to the
// caBundle of every webhook in the MutatingWebhookConfiguration, and writes the
// certificate to a directory from which the webhook's server reloads it. There is no
// leader: every write carries the resourceVersion that it was decided on, so of two
// replicas that renew at once one gets a conflict and uses what the other has
// written. A replica depends on nothing but the API server, and needs no volume that
// the kubelet has to sync.
//
// # Renewal
//
// A certificate is renewed 90 days before it expires, when it lacks a DNS name, and
// when the Secret has been deleted or corrupted. Each certificate has a CA of its
// own, whose key is discarded at once. So there is one kind of renewal, it happens
// every year rather than every ten, and there is no CA key to steal. What is served
// and what is trusted match at every step:
//
//  1. The new certificate and its CA are written to the Secret.
//  2. The new CA is put in front of the current one in each caBundle. All replicas
//     still serve the old certificate.
//  3. Five seconds later, when every API server has seen the new caBundle, each
//     replica serves the new certificate.
//
// No API server ever rejects a replica's certificate on the way. The old CA stays
// trusted until the next renewal; to revoke it, delete the caBundle, which the
// Rotator then restores with nothing but the CA in the Secret.
//
// Deleting the caBundle leaves a gap of a few milliseconds, whoever does it: until
// the Rotator, which watches it, has restored the CA, new connections from the API
// server fail.
//
// # The library
//
// Certificates are issued and validated by cert-controller, the library behind
// Gatekeeper. Its rotator (AddRotator) is not used: as of v0.16 it builds a cache of
// its own, which lists all Secrets in the namespace and all webhook configurations
// in the cluster, however the manager's cache is restricted; it replaces the CA in
// one step; it checks one DNS name only; it cannot create the Secret; and it exits
// the process on a timeout.
package certs
