package verdict

import (
	"context"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// One client serves all users: in whose name a request is made, and who gets its
// warnings, is in its context.
type identityKey struct{}
type warningsKey struct{}

// warnings are those of the response to one request.
type warnings struct{ texts []string }

func with(ctx context.Context, identity *rest.ImpersonationConfig, w *warnings) context.Context {
	return context.WithValue(context.WithValue(ctx, identityKey{}, identity), warningsKey{}, w)
}

// impersonator adds the headers of the identity in a request's context.
type impersonator struct{ base http.RoundTripper }

func impersonate(base http.RoundTripper) http.RoundTripper { return impersonator{base} }

func (i impersonator) RoundTrip(req *http.Request) (*http.Response, error) {
	identity, _ := req.Context().Value(identityKey{}).(*rest.ImpersonationConfig)
	if identity == nil {
		return i.base.RoundTrip(req)
	}
	return transport.NewImpersonatingRoundTripper(transport.ImpersonationConfig{
		UserName: identity.UserName, UID: identity.UID, Groups: identity.Groups, Extra: identity.Extra,
	}, i.base).RoundTrip(req)
}

// WrappedRoundTripper lets client-go find the connections below.
func (i impersonator) WrappedRoundTripper() http.RoundTripper { return i.base }

// collector hands warnings to whoever waits for the response.
type collector struct{}

func (collector) HandleWarningHeaderWithContext(ctx context.Context, code int, _ string, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok && code == 299 && text != "" {
		w.texts = append(w.texts, text)
	}
}
