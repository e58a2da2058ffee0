package kubelet

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// retryPause is how long a request that found no API server waits before it is sent again.
const retryPause = 200 * time.Millisecond

// patientTransport sends a request again until the API server answers it.
//
// A kubelet never gives a pod up because the API server was away, but KWOK drops a status update that met anything else
// than a refused connection, and the pod would hang for ever. All that KWOK sends may be repeated.
type patientTransport struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t patientTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for {
		resp, err := t.next.RoundTrip(req)
		if err == nil && resp.StatusCode < http.StatusInternalServerError {
			return resp, nil
		}
		if req.Body != nil && req.GetBody == nil {
			return resp, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
			_ = resp.Body.Close()
		}
		select {
		case <-req.Context().Done():
			return nil, fmt.Errorf("no answer from the API server: %w", req.Context().Err())
		case <-time.After(retryPause):
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

// again returns req with a body that was not read yet.
func again(req *http.Request) (*http.Request, error) {
	req = req.Clone(req.Context())
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("rewinding a request: %w", err)
	}
	req.Body = body
	return req, nil
}
