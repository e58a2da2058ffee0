package webhook

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/test/golden"
)

// handlers are what the API server talks to, by path. A panic is not recovered.
func handlers(t testing.TB, c golden.Case) map[string]http.Handler {
	log.SetLogger(logr.Discard())
	store := storeOf(t, c)
	bounds := newBounds()
	serve := func(handler admission.Handler) http.Handler {
		return bounds.limit(&admission.Webhook{Handler: handler, RecoverPanic: ptr.To(false)})
	}
	return map[string]http.Handler{
		ControllerPath: serve(reviewing(judge{}, installed)),
		ScalePath:      serve(scaling(store, judge{}, installed)),
	}
}

// post sends a body, and returns the answer.
func post(t testing.TB, handler http.Handler, contentType string, body io.Reader) *admissionv1.AdmissionResponse {
	request := httptest.NewRequest(http.MethodPost, "/", body)
	request.Header.Set("Content-Type", contentType)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	var review admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &review), "%s", recorder.Body)
	require.NotNil(t, review.Response)
	return review.Response
}

// TestMalformedBodies: what is no review is refused, and the answer says why.
func TestMalformedBodies(t *testing.T) {
	const isJSON = "application/json"
	const review = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":`
	for name, c := range map[string]struct {
		contentType, body string
		code              int32
		says              string
	}{
		"empty":            {isJSON, "", http.StatusBadRequest, "empty"},
		"another format":   {"text/plain", "hello", http.StatusBadRequest, "contentType=text/plain"},
		"broken off":       {isJSON, review, http.StatusBadRequest, ""},
		"no object":        {isJSON, "[]", http.StatusBadRequest, ""},
		"another kind":     {isJSON, `{"apiVersion":"v1","kind":"Pod"}`, http.StatusBadRequest, ""},
		"no request":       {isJSON, review + `null}`, http.StatusBadRequest, "decode object"},
		"an empty request": {isJSON, review + `{"uid":"1"}}`, http.StatusBadRequest, "decode object"},
		"no object in it":  {isJSON, review + `{"uid":"1","operation":"UPDATE","object":null}}`, http.StatusBadRequest, "decode object"},
		"a list as object": {isJSON, review + `{"uid":"1","operation":"UPDATE","object":[]}}`, http.StatusBadRequest, "decode object"},
	} {
		for path, handler := range handlers(t, golden.Case{}) {
			t.Run(name+path, func(t *testing.T) {
				var body io.Reader = strings.NewReader(c.body)
				if c.body == "" {
					body = http.NoBody
				}
				response := post(t, handler, c.contentType, body)
				assert.False(t, response.Allowed)
				assert.Empty(t, response.Patch)
				require.NotNil(t, response.Result)
				assert.Equal(t, c.code, response.Result.Code)
				assert.NotEmpty(t, response.Result.Message)
				assert.Contains(t, response.Result.Message, c.says)
			})
		}
	}
}

// FuzzReview sends whatever bytes to the handlers: there is always an answer, and a
// refusal says why.
func FuzzReview(f *testing.F) {
	edits, err := golden.Load(reviewsDirectory)
	require.NoError(f, err)
	var sample golden.Case
	for _, cases := range edits {
		for _, c := range cases {
			for _, review := range c.Reviews {
				f.Add([]byte(review))
			}
			if c.Moment == "pending" && c.Stored != nil {
				sample = c
			}
		}
	}
	all := handlers(f, sample)
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, handler := range all {
			response := post(t, handler, "application/json", bytes.NewReader(body))
			if response.Allowed {
				continue
			}
			require.NotNil(t, response.Result, path)
			assert.GreaterOrEqual(t, response.Result.Code, int32(http.StatusBadRequest), path)
			assert.NotEmpty(t, response.Result.Message, path)
			assert.Empty(t, response.Patch, path)
		}
	})
}
