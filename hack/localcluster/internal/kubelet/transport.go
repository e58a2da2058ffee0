package kubelet

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// retryPause is the time before a failed request is sent again.
const retryPause = 200 * time.Millisecond

// patientTransport repeats a request until the API server answers it.
//
// A kubelet retries while the API server is down. KWOK drops a status update that fails with anything but a refused
// connection, and the pod would be stuck forever. All requests of KWOK may be repeated.
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

// again returns req with an unread body.
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
