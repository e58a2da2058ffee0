package terminal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
)

// apiServer serves a namespace, and its ReplicationControllers and pods to be read and
// watched with selectors, and what a test puts into it.
type apiServer struct {
	mu      sync.Mutex
	version int
	stored  map[string]*unstructured.Unstructured // by resource and name

	watchers map[*watcher]bool

	// watched are the selectors of all watches, by resource.
	watched map[string][]string
}

// watcher is one watch.
type watcher struct {
	resource string
	matches  func(*unstructured.Unstructured) bool
	events   chan metav1.WatchEvent
	shown    map[string]bool
}

func startAPIServer(t *testing.T) (s *apiServer, kubeconfig string) {
	t.Helper()
	s = &apiServer{version: 100, stored: map[string]*unstructured.Unstructured{}, watchers: map[*watcher]bool{}, watched: map[string][]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: test,
clusters: [{name: test, cluster: {server: %q}}], contexts: [{name: test, context: {cluster: test, user: test, namespace: shop}}], users: [{name: test}]}`, server.URL), 0o600))
	return s, kubeconfig
}

const root = "/api/v1/namespaces/shop/"

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	resource, name, one := strings.Cut(strings.TrimPrefix(r.URL.Path, root), "/")
	query := r.URL.Query()
	switch {
	case r.URL.Path == strings.TrimSuffix(root, "/"):
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`))
	case !strings.HasPrefix(r.URL.Path, root) || r.Method != http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case one:
		s.get(w, resource, name)
	case query.Get("watch") == "true":
		s.watch(w, r, resource)
	default:
		s.list(w, r, resource)
	}
}

func (s *apiServer) get(w http.ResponseWriter, resource, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.stored[resource+"/"+name]
	if object == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(object)
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("v1")
	list.SetKind("List")
	list.SetResourceVersion(fmt.Sprint(s.version))
	for key, object := range s.stored {
		if strings.HasPrefix(key, resource+"/") && matcher(r)(object) {
			list.Items = append(list.Items, *object)
		}
	}
	_ = json.NewEncoder(w).Encode(list)
}

// watch sends what there is first if that is asked for, and then what changes.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, resource string) {
	watcher := &watcher{resource: resource, matches: matcher(r), events: make(chan metav1.WatchEvent, 1000), shown: map[string]bool{}}
	s.mu.Lock()
	query := r.URL.Query()
	s.watched[resource] = append(s.watched[resource], query.Get("fieldSelector")+query.Get("labelSelector"))
	initial := query.Get("sendInitialEvents") == "true"
	for key, object := range s.stored {
		if strings.HasPrefix(key, resource+"/") && watcher.matches(object) {
			watcher.shown[object.GetName()] = true
			if initial {
				watcher.send(watch.Added, object)
			}
		}
	}
	if initial {
		mark := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": map[string]string{"pods": "Pod"}[resource]}}
		if resource != "pods" {
			mark.SetKind("ReplicationController")
		}
		mark.SetResourceVersion(fmt.Sprint(s.version))
		mark.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		watcher.send(watch.Bookmark, mark)
	}
	s.watchers[watcher] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, watcher)
	}()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-watcher.events:
			_ = json.NewEncoder(w).Encode(event)
			w.(http.Flusher).Flush()
		}
	}
}

func matcher(r *http.Request) func(*unstructured.Unstructured) bool {
	byLabels, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	byFields, fieldsErr := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	return func(object *unstructured.Unstructured) bool {
		return err == nil && fieldsErr == nil && byLabels.Matches(labels.Set(object.GetLabels())) && byFields.Matches(fields.Set{"metadata.name": object.GetName()})
	}
}

func (w *watcher) send(kind watch.EventType, object *unstructured.Unstructured) {
	event := metav1.WatchEvent{Type: string(kind)}
	event.Object.Raw, _ = json.Marshal(object)
	w.events <- event
}

// put stores objects, one after the other.
func (s *apiServer) put(objects ...*unstructured.Unstructured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, object := range objects {
		s.version++
		object = object.DeepCopy()
		object.SetResourceVersion(fmt.Sprint(s.version))
		s.stored[key(object)] = object
		s.tell(object, true)
	}
}

// remove deletes objects.
func (s *apiServer) remove(objects ...*unstructured.Unstructured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, object := range objects {
		s.version++
		delete(s.stored, key(object))
		object = object.DeepCopy()
		object.SetResourceVersion(fmt.Sprint(s.version))
		s.tell(object, false)
	}
}

// tell notifies those who watch: what their selector does not select any more is deleted
// for them.
func (s *apiServer) tell(object *unstructured.Unstructured, exists bool) {
	for w := range s.watchers {
		if !strings.HasPrefix(key(object), w.resource+"/") {
			continue
		}
		matches := exists && w.matches(object)
		switch shown := w.shown[object.GetName()]; {
		case matches && shown:
			w.send(watch.Modified, object)
		case matches:
			w.send(watch.Added, object)
		case shown:
			w.send(watch.Deleted, object)
		}
		w.shown[object.GetName()] = matches
	}
}

func key(object *unstructured.Unstructured) string {
	return strings.ToLower(object.GetKind()) + "s/" + object.GetName()
}

func (s *apiServer) selectors() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string][]string{"replicationcontrollers": s.watched["replicationcontrollers"], "pods": s.watched["pods"]}
}
