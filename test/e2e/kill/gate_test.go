package kill

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// instant is where in the life of a request its sender or receiver dies.
type instant string

const (
	// rightBefore: the request arrives nowhere.
	rightBefore instant = "before"
	// rightAfter: it took effect, and the answer was sent.
	rightAfter instant = "after"
)

// gate is a reverse proxy that lets requests through, and at one of them strikes: it
// kills the process that sent it or is to serve it.
type gate struct {
	upstream http.Handler
	// describe says what a request is about; empty if it does not matter.
	describe func(*http.Request) string

	mu   sync.Mutex
	past map[string]bool
	when instant
	kill func()

	// struck is closed when the process is dead; what is the request at which it died.
	struck chan struct{}
	what   string
}

func newGate(upstream http.Handler, describe func(*http.Request) string) *gate {
	return &gate{upstream: upstream, describe: describe, struck: make(chan struct{})}
}

// arm makes the gate strike at the first request that is not in the past, and put it
// there. Requests are distinguished by what they are about and not by counting, because
// conflicts, which depend on chance, lead to more of them.
func (g *gate) arm(past map[string]bool, when instant, kill func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.past, g.when, g.kill = past, when, kill
}

// disarm ends it, and reports whether the gate has struck.
func (g *gate) disarm() (struck bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kill = nil
	return g.what != ""
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := g.describe(r)
	switch when := g.due(what); when {
	case rightBefore:
		g.strike(what)
		panic(http.ErrAbortHandler) // breaks the connection off
	case rightAfter:
		answer := httptest.NewRecorder()
		g.upstream.ServeHTTP(answer, r)
		if answer.Code < http.StatusMultipleChoices { // otherwise it took no effect
			g.strike(what)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // whoever is dead does not read it
	default:
		g.upstream.ServeHTTP(w, r)
	}
}

// due is when to strike at this request; empty if it is not its turn.
func (g *gate) due(what string) instant {
	g.mu.Lock()
	defer g.mu.Unlock()
	if what == "" || g.kill == nil || g.past[what] {
		return ""
	}
	return g.when
}

// strike kills once.
func (g *gate) strike(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kill == nil {
		return
	}
	g.kill()
	g.kill = nil
	g.past[what] = true
	g.what = what
	close(g.struck)
}

// describeWrite describes the requests that change something, events and leases
// aside: nothing depends on the former, and an agent that is alone writes none of the
// latter.
func describeWrite(r *http.Request) string {
	if !isWrite(r) {
		return ""
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return "unreadable"
	}
	if strings.Contains(r.URL.Path, "/controllerrevisions") {
		return strings.ToLower(r.Method) + revisionOf(body)
	}
	_, resource, _ := strings.Cut(r.URL.Path, "/replicationcontrollers")
	return abbreviate(fmt.Sprintf("%s rc%s%s%s", strings.ToLower(r.Method), resource, changeOf(body), detailOf(body)))
}

// revisionOf is what a revision, or a patch of one, says.
func revisionOf(body []byte) string {
	var revision appsv1.ControllerRevision
	if json.Unmarshal(body, &revision) != nil {
		return " revision"
	}
	return fmt.Sprintf(" revision %d %s", revision.Revision, revision.Annotations[api.ResultAnnotation])
}

// isWrite reports whether a request changes something, events and leases aside. With
// dry runs and reviews of itself an agent only asks whether it belongs to the webhook.
func isWrite(r *http.Request) bool {
	if r.URL.Query().Has("dryRun") || strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") {
		return false
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return !strings.Contains(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "/leases")
	}
	return false
}

// changeOf is what an object, or a patch of one, says of replicas.
func changeOf(object []byte) string {
	var content struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct{ Replicas *int }
	}
	if json.Unmarshal(object, &content) != nil {
		return ""
	}
	command, err := api.ParseCommand(content.Metadata.Annotations[api.CommandAnnotation])
	switch {
	case err == nil && command.Operation == api.Scale:
		return fmt.Sprintf(", command: scale to %d", command.Replicas)
	case err == nil:
		return fmt.Sprintf(", command: %s", command.Operation)
	case content.Spec.Replicas != nil:
		return fmt.Sprintf(", replicas: %d", *content.Spec.Replicas)
	}
	return ""
}

// detailOf is what else matters of a patch of a status, or of the options of a
// deletion.
func detailOf(body []byte) string {
	var content struct {
		Status            struct{ Conditions []struct{ Reason string } }
		PropagationPolicy string
	}
	if json.Unmarshal(body, &content) != nil {
		return ""
	}
	var text strings.Builder
	for _, condition := range content.Status.Conditions {
		text.WriteString(" " + condition.Reason)
	}
	if content.PropagationPolicy != "" {
		text.WriteString(", policy: " + content.PropagationPolicy)
	}
	return text.String()
}

// abbreviate shortens hashes.
func abbreviate(text string) string { return hashes.ReplaceAllString(text, "$1…") }

var hashes = regexp.MustCompile(`([0-9a-f]{6})[0-9a-f]{26}`)

// silent is the log of proxies, whose peers die on purpose.
var silent = log.New(io.Discard, "", 0)

// apiServerFor proxies to the API server, for clients that bring their own
// credentials. An agent behind it sees nothing but the namespace, unless that is
// empty, so that several can work without knowing of each other.
func apiServerFor(t *testing.T, namespace string) http.Handler {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", harness.Cluster(t).Kubeconfig())
	require.NoError(t, err)
	target, err := url.Parse(config.Host)
	require.NoError(t, err)
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	require.NoError(t, err)
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      silent,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if namespace != "" && r.In.URL.Path == "/api/v1/replicationcontrollers" {
				r.Out.URL.Path = "/api/v1/namespaces/" + namespace + "/replicationcontrollers"
			}
		},
	}
}

// serve serves a handler to clients on this machine until the test ends. It speaks
// TLS, because a kubeconfig's token goes nowhere else.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections() // watches never end by themselves
		server.Close()
	})
	return server
}

// certificateOf is what clients of a server have to trust.
func certificateOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// kubeconfigFor is the kubeconfig of a component; with another server in it, unless
// that is nil.
func kubeconfigFor(t *testing.T, component string, server *httptest.Server) (file string) {
	t.Helper()
	original := filepath.Join(harness.Cluster(t).Dir, component+".kubeconfig")
	if server == nil {
		return original
	}
	config, err := clientcmd.LoadFromFile(original)
	require.NoError(t, err)
	for _, c := range config.Clusters {
		c.Server, c.CertificateAuthorityData = server.URL, certificateOf(server)
	}
	file = filepath.Join(t.TempDir(), component+".kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, file))
	return file
}
