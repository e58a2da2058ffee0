// Package shipped answers for an API server on which manifests/base is applied: is the
// webhook called for a write, may a pod be created? It reads the manifests as they are
// and evaluates their CEL with the API server's own code.
package shipped
