// Package clientcert runs rcroll with a client certificate of the API server, as
// docs/security.md recommends it. It has a control plane of its own, which stays like that.
package clientcert
