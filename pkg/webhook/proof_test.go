package webhook

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
)

// witness notes whatever is asked or written.
type witness struct {
	mu  sync.Mutex
	did []string
}

// note is called by two at once.
func (w *witness) note(deed string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did = append(w.did, deed)
}

func (w *witness) Update(_ context.Context, _ authenticationv1.UserInfo, wanted *unstructured.Unstructured) (*unstructured.Unstructured, []string, error) {
	w.note("asks about an update of " + wanted.GetNamespace() + "/" + wanted.GetName())
	return nil, nil, assert.AnError
}

func (w *witness) Scale(_ context.Context, _ authenticationv1.UserInfo, rc *unstructured.Unstructured, _ int32) ([]string, error) {
	w.note("asks about a scale of " + rc.GetNamespace() + "/" + rc.GetName())
	return nil, assert.AnError
}

func (w *witness) client(t *testing.T) client.Client {
	stored := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "tomcat", UID: "secret", ResourceVersion: "41",
		Annotations: map[string]string{api.RequestAnnotation: spec7}, Labels: map[string]string{api.RollingLabel: api.True},
	}}
	return fake.NewClientBuilder().WithObjects(stored).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, rc client.Object, options ...client.CreateOption) error {
			if (&client.CreateOptions{}).ApplyOptions(options).DryRun != nil {
				w.note("asks about a creation in " + rc.GetNamespace())
				return nil
			}
			w.note("creates")
			return nil
		},
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			w.note("patches")
			return nil
		},
	}).Build()
}

// TestForgedReviews: who does not know the object has nothing asked and nothing written,
// and learns nothing of what there is.
func TestForgedReviews(t *testing.T) {
	type review struct {
		namespace, name, uid, version string
	}
	object := func(r review, image string) []byte {
		return []byte(`{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"` + r.name + `","namespace":"` + r.namespace +
			`","uid":"` + r.uid + `","resourceVersion":"` + r.version + `"},"spec":{"replicas":5,"selector":{"app":"tomcat"},` +
			`"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"` + image + `"}]}}}}`)
	}
	scale := func(r review, replicas string) []byte {
		return []byte(`{"metadata":{"name":"` + r.name + `","namespace":"` + r.namespace + `","uid":"` + r.uid + `","resourceVersion":"` + r.version +
			`"},"spec":{"replicas":` + replicas + `}}`)
	}
	// One object is what the review is about, another one may be what it says that was, and
	// shall be.
	postAbout := func(r, before, after review) (*witness, map[string]admission.Response) {
		w := &witness{}
		c := w.client(t)
		request := func(before, after []byte) admission.Request {
			req := update("system:admin", before, after)
			req.Namespace, req.Name, req.Operation = r.namespace, r.name, admissionv1.Update
			return req
		}
		controller := reviewing(judge{}, options)
		controller.client, controller.judge = c, w
		replicas := scaling(c, judge{}, options)
		replicas.judge = w
		return w, map[string]admission.Response{
			"rc":    controller.Handle(t.Context(), request(object(before, "tomcat:7"), object(after, "tomcat:8"))),
			"scale": replicas.Handle(t.Context(), request(scale(before, "5"), scale(after, "0"))),
		}
	}

	post := func(r review) (*witness, map[string]admission.Response) { return postAbout(r, r, r) }

	_, there := post(review{"shop", "tomcat", "guessed", "41"})
	for name, r := range map[string]review{
		"another UID":                   {"shop", "tomcat", "guessed", "41"},
		"no UID":                        {"shop", "tomcat", "", "41"},
		"another version":               {"shop", "tomcat", "secret", "40"},
		"no version":                    {"shop", "tomcat", "secret", ""},
		"an object that there is not":   {"shop", "jetty", "guessed", "41"},
		"neither, and nothing is known": {"shop", "jetty", "", ""},
		"a namespace that there is not": {"bank", "tomcat", "guessed", "41"},
	} {
		t.Run(name, func(t *testing.T) {
			w, responses := post(r)
			assert.Empty(t, w.did)
			assert.False(t, responses["scale"].Allowed)
			require.NotNil(t, responses["scale"].Result)
			assert.Equal(t, metav1.StatusReasonConflict, responses["scale"].Result.Reason)
			assert.True(t, responses["rc"].Allowed, "as the API server needs it, to read the object and ask again")
			for path, response := range responses {
				for _, patch := range response.Patches {
					assert.NotContains(t, patch.Json(), "tomcat:8", "nothing of it is stored")
				}
				if r.name == "tomcat" {
					assert.ElementsMatch(t, there[path].Patches, response.Patches, "%s: the same answer whatever there is", path)
					assert.Equal(t, there[path].AdmissionResponse, response.AdmissionResponse, path)
				}
			}
		})
	}
	known, other := review{"shop", "tomcat", "secret", "41"}, review{"bank", "jetty", "", ""}
	for name, r := range map[string][3]review{
		"what is known is given as what another one was":     {other, known, other},
		"what is known is given as what another one becomes": {other, other, known},
		"and as both": {other, known, known},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := postAbout(r[0], r[1], r[2])
			assert.Empty(t, w.did)
		})
	}
	asked := []string{"asks about an update of shop/tomcat", "asks about a creation in shop", "asks about a scale of shop/tomcat"}
	w, _ := postAbout(known, known, other)
	assert.ElementsMatch(t, asked, w.did, "about what is known, and nothing else")
	w, _ = post(known)
	assert.ElementsMatch(t, asked, w.did, "what the API server sends is")
}
