package certs

import (
	"crypto/tls"
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector tells when the served certificate ends, as clients see it: from the file that
// the server reads.
func (r *Rotator) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rcroll_certificate_expiry_timestamp_seconds",
		Help: "When the certificate that the webhook serves expires; NaN if it serves none.",
	}, func() float64 {
		pair := r.served.read()
		parsed, err := tls.X509KeyPair(pair, pair)
		if err != nil {
			return math.NaN()
		}
		return float64(parsed.Leaf.NotAfter.Unix())
	})
}
