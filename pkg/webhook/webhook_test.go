package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

const agent = "agent"

var options = mutate.Options{HashLabelKey: api.DefaultHashLabelKey, AgentUser: agent, WebhookUser: "webhook"}

const spec7 = `{"replicas":5,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:7"}]}}}`

// rc is the JSON of a ReplicationController.
func rc(annotations, spec string) []byte {
	return []byte(`{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"tomcat","namespace":"default","uid":"u","generation":1,` +
		`"annotations":` + annotations + `},"spec":` + spec + `}`)
}

func update(user string, before, after []byte) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Update, Namespace: "default", Name: "tomcat", UserInfo: authenticationv1.UserInfo{Username: user},
		OldObject: runtime.RawExtension{Raw: before}, Object: runtime.RawExtension{Raw: after},
		Options: runtime.RawExtension{Raw: []byte(`{"fieldManager":"kubectl-set"}`)},
	}}
}

// judge stores what it is asked about, as change leaves it, or refuses.
type judge struct {
	refusal  error
	quota    error
	warnings []string
	change   func(*unstructured.Unstructured)

	// stored tells which version of the object the API server has; that of rc, unless it
	// says otherwise.
	stored metav1.ObjectMeta

	asked func(context.Context, authenticationv1.UserInfo)
}

func (j judge) Update(ctx context.Context, user authenticationv1.UserInfo, wanted *unstructured.Unstructured) (*unstructured.Unstructured, []string, error) {
	if j.asked != nil {
		j.asked(ctx, user)
	}
	stored := wanted.DeepCopy()
	if j.change != nil {
		j.change(stored)
	}
	return stored, j.warnings, j.refusal
}

func (j judge) Scale(context.Context, authenticationv1.UserInfo, *unstructured.Unstructured, int32) ([]string, error) {
	return j.warnings, j.refusal
}

// creating is a client that answers to Create, which is a dry run always, and to Get with
// the metadata of what is stored.
func creating(answer error, stored metav1.ObjectMeta) client.Client {
	return fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
			into.SetUID(cmp.Or(stored.UID, "u"))
			into.SetResourceVersion(stored.ResourceVersion)
			return nil
		},
		Create: func(_ context.Context, _ client.WithWatch, _ client.Object, opts ...client.CreateOption) error {
			var given client.CreateOptions
			given.ApplyOptions(opts)
			if !slices.Equal(given.DryRun, []string{metav1.DryRunAll}) {
				return errors.New("not a dry run")
			}
			return answer
		},
	}).Build()
}

func reviewing(judge judge, options mutate.Options) *controllerHandler {
	return &controllerHandler{client: creating(judge.quota, judge.stored), judge: judge, turns: newTurns(), clock: clock.RealClock{}, options: options}
}

func scaling(store client.Client, judge judge, options mutate.Options) *scaleHandler {
	return &scaleHandler{client: store, judge: judge, turns: newTurns(), options: options}
}

func TestRequest(t *testing.T) {
	spec8 := []byte(`{"replicas":5,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}`)
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "ReplicationController"}, "tomcat-x", nil)
	for name, c := range map[string]struct {
		answer  error
		allowed bool
		code    int32
	}{
		"accepted":     {nil, true, 0},
		"no quota":     {apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("exceeded quota")), false, http.StatusForbidden},
		"rejected":     {invalid, false, http.StatusUnprocessableEntity},
		"not judged":   {apierrors.NewTooManyRequests("later", 1), false, http.StatusTooManyRequests},
		"out of reach": {context.DeadlineExceeded, false, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			judge := judge{refusal: c.answer}
			if name == "no quota" {
				judge.refusal, judge.quota = nil, c.answer
			}
			handler := reviewing(judge, options)
			response := handler.Handle(t.Context(), update("alice", rc("{}", spec7), rc("{}", string(spec8))))
			assert.Equal(t, c.allowed, response.Allowed)
			assert.Equal(t, c.allowed, len(response.Patches) > 0)
			assert.Equal(t, c.allowed, len(response.Warnings) > 0)
			if !c.allowed {
				assert.Equal(t, c.code, response.Result.Code)
				assert.Contains(t, response.Result.Message, c.answer.Error(), "the API server's own words")
			}
		})
	}
}

// Whoever changes replicas in the middle of a rollout, or of its cancel, needs no new
// ReplicationController: a quota on their number, which the one that stands uses up, is no
// concern.
func TestNoNewRC(t *testing.T) {
	full := apierrors.NewForbidden(schema.GroupResource{Resource: "replicationcontrollers"}, "tomcat-x", errors.New("exceeded quota: rcs"))
	for name, request := range map[string]string{"rolling": strings.ReplaceAll(spec7, "tomcat:7", "tomcat:8"), "cancelled": spec7} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(request)
			require.NoError(t, err)
			pending := `{"rcroll.dev/request":` + string(text) + `}`
			after := rc(pending, strings.ReplaceAll(spec7, `"replicas":5`, `"replicas":6`))
			response := reviewing(judge{quota: full}, options).Handle(t.Context(), update("alice", rc(pending, spec7), after))
			assert.True(t, response.Allowed, "%v", response.Result)
		})
	}
}

// The server's context ends when the process is asked to end. Reviews that are under
// way are answered all the same.
func TestReviewOutlivesTheServer(t *testing.T) {
	ending, end := context.WithCancel(t.Context())
	end()
	handler := reviewing(judge{asked: func(ctx context.Context, user authenticationv1.UserInfo) {
		_, bounded := ctx.Deadline()
		assert.True(t, bounded)
		assert.NoError(t, ctx.Err())
		assert.Equal(t, "alice", user.Username)
	}}, options)
	spec8 := strings.ReplaceAll(spec7, "tomcat:7", "tomcat:8")
	response := handler.Handle(ending, update("alice", rc("{}", spec7), rc("{}", spec8)))
	assert.True(t, response.Allowed, "%v", response.Result)
}

// What the API server would store is what is recorded, with its warnings for the user;
// where that is what is live, nothing is.
func TestTheAnswerIsRecorded(t *testing.T) {
	spec8 := strings.ReplaceAll(spec7, "tomcat:7", "tomcat:8")
	image := func(image string) func(*unstructured.Unstructured) {
		return func(object *unstructured.Unstructured) {
			containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			containers[0].(map[string]any)["image"] = image
			_ = unstructured.SetNestedSlice(object.Object, containers, "spec", "template", "spec", "containers")
		}
	}
	for stored, request := range map[string]string{"mirror/tomcat:8": "mirror/tomcat:8", "tomcat:7": ""} {
		response := reviewing(judge{change: image(stored), warnings: []string{"would violate PodSecurity"}}, options).
			Handle(t.Context(), update("alice", rc("{}", spec7), rc("{}", spec8)))
		require.True(t, response.Allowed, "%v", response.Result)
		assert.Contains(t, response.Warnings, "would violate PodSecurity")
		recorded := ""
		for _, patch := range response.Patches {
			recorded += fmt.Sprint(patch.Value)
		}
		if request == "" {
			assert.Empty(t, response.Patches, "what differs is not stored")
			continue
		}
		assert.Contains(t, recorded, `"image":"`+request+`"`)
		assert.Contains(t, recorded, "alice", "who asked")
	}
}

func TestCommandOutOfDateIsAConflict(t *testing.T) {
	handler := reviewing(judge{}, options)
	commanded := rc(`{"rcroll.dev/command":"{\"operation\":\"Scale\",\"hash\":\"x\"}"}`, spec7)
	response := handler.Handle(t.Context(), update(agent, rc("{}", spec7), commanded))
	assert.False(t, response.Allowed)
	assert.Equal(t, metav1.StatusReasonConflict, response.Result.Reason)
}

func TestMalformedReviews(t *testing.T) {
	c := fake.NewClientBuilder().Build()
	for name, handler := range map[string]admission.Handler{
		"controller": reviewing(judge{}, options), "scale": scaling(c, judge{}, options)} {
		for _, body := range []string{"", "{", "[]", "1", "null"} {
			t.Run(name+" "+body, func(t *testing.T) {
				response := handler.Handle(t.Context(), update("alice", rc("{}", spec7), []byte(body)))
				assert.False(t, response.Allowed)
				assert.EqualValues(t, http.StatusBadRequest, response.Result.Code)
			})
		}
	}
}

func TestScale(t *testing.T) {
	pending := &corev1.ReplicationController{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationController"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tomcat", Annotations: map[string]string{api.RequestAnnotation: spec7}},
		Spec:       corev1.ReplicationControllerSpec{Replicas: ptr.To(int32(3))},
	}
	version := func(t *testing.T, store client.Client) string {
		var rc corev1.ReplicationController
		require.NoError(t, store.Get(t.Context(), client.ObjectKeyFromObject(pending), &rc))
		return rc.ResourceVersion
	}
	for name, c := range map[string]struct {
		dryRun   bool
		version  func(*testing.T, client.Client) string
		allowed  bool
		recorded int32
	}{
		"recorded":            {false, nil, true, 8},
		"dry run":             {true, nil, true, 5},
		"for this version":    {false, version, true, 8},
		"for another version": {false, func(*testing.T, client.Client) string { return "1" }, false, 5},
	} {
		t.Run(name, func(t *testing.T) {
			store := fake.NewClientBuilder().WithObjects(pending.DeepCopy()).Build()
			metadata := `{"name":"tomcat"}`
			if c.version != nil {
				metadata = `{"name":"tomcat","resourceVersion":"` + c.version(t, store) + `"}`
			}
			old := `{"metadata":{"name":"tomcat","resourceVersion":"` + version(t, store) + `"},"spec":{"replicas":3}}`
			request := update("alice", []byte(old), []byte(`{"metadata":`+metadata+`,"spec":{"replicas":8}}`))
			request.DryRun = &c.dryRun
			response := scaling(store, judge{}, options).Handle(t.Context(), request)

			var after corev1.ReplicationController
			require.NoError(t, store.Get(t.Context(), client.ObjectKeyFromObject(pending), &after))
			stored, err := api.ParseSpec(after.Annotations[api.RequestAnnotation])
			require.NoError(t, err)
			assert.Equal(t, c.recorded, stored.Replicas())
			assert.EqualValues(t, 3, *after.Spec.Replicas)

			require.Equal(t, c.allowed, response.Allowed)
			if !c.allowed {
				assert.EqualValues(t, http.StatusConflict, response.Result.Code)
				assert.Contains(t, response.Result.Message, "the object has been modified")
				return
			}
			changes := map[string]any{}
			for _, patch := range response.Patches {
				changes[patch.Operation+" "+patch.Path] = patch.Value
			}
			assert.EqualValues(t, 3, changes["replace /spec/replicas"], "the live number stays")
			_, dropped := changes["remove /metadata/resourceVersion"]
			assert.Equal(t, c.version != nil, dropped, "recording the wish made another version")
		})
	}
}

func TestDelete(t *testing.T) {
	sealed := `{"selector":{"app":"tomcat","` + api.SealedLabel + `":"x"},"template":{"metadata":{"labels":{"app":"tomcat","` + api.SealedLabel + `":"x"}}}}`
	adopting := `{"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat","` + api.AdoptingLabel + `":"x"}}}}`
	since := func(passed time.Duration) string {
		return `{"` + api.RequestAnnotation + `":"{}","` + api.PromotingSinceAnnotation + `":"` + time.Now().Add(-passed).UTC().Format(time.RFC3339) + `"}`
	}
	for name, c := range map[string]struct {
		annotations, spec string
		allowed           bool
		warnings          int
	}{
		"plain":              {"{}", spec7, true, 0},
		"sealed":             {since(0), sealed, false, 0},
		"adopting":           {since(0), adopting, false, 0},
		"sealed for an hour": {since(time.Hour), sealed, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			response := reviewing(judge{}, options).Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Operation: admissionv1.Delete, Namespace: "default", Name: "tomcat", OldObject: runtime.RawExtension{Raw: rc(c.annotations, c.spec)},
			}})
			assert.Equal(t, c.allowed, response.Allowed)
			assert.Len(t, response.Warnings, c.warnings)
			if !c.allowed {
				assert.EqualValues(t, http.StatusTooManyRequests, response.Result.Code)
				assert.EqualValues(t, 1, response.Result.Details.RetryAfterSeconds)
				assert.Contains(t, response.Result.Message, "rc/tomcat is taking over the pods")
			}
		})
	}
}
