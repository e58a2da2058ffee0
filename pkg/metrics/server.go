// Package metrics says how rcroll's programs serve their metrics, and to whom.
package metrics

import (
	"net"

	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Server returns the options of the server of /metrics at an address, "0" for none. On a
// loopback address it is plain HTTP. On any other one it is HTTPS, and for clients whose
// bearer token the API server knows, and whom it allows to get the path /metrics; the
// certificate is self-signed, and made at start-up.
func Server(bindAddress string) metricsserver.Options {
	options := metricsserver.Options{BindAddress: bindAddress}
	if bindAddress != "0" && !isLoopback(bindAddress) {
		options.SecureServing = true
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return options
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
