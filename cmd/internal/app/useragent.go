package app

import (
	"net/http"

	"k8s.io/client-go/rest"
)

const userAgentHeader = "User-Agent"

// setUserAgent makes all requests of a configuration, and of copies of it, come with that
// user agent. To set the field is not enough: controller-runtime gives the client of the
// leader election one that is made of the executable's file name.
func setUserAgent(config *rest.Config, userAgent string) {
	config.UserAgent = userAgent
	config.Wrap(func(base http.RoundTripper) http.RoundTripper { return named{userAgent, base} })
}

// named sends requests with its user agent, whatever theirs is.
type named struct {
	userAgent string
	base      http.RoundTripper
}

func (n named) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get(userAgentHeader) != n.userAgent {
		req = req.Clone(req.Context()) // a round tripper leaves the request as it is
		req.Header.Set(userAgentHeader, n.userAgent)
	}
	return n.base.RoundTrip(req)
}

// WrappedRoundTripper lets client-go find the connections below.
func (n named) WrappedRoundTripper() http.RoundTripper { return n.base }
