package sim

import (
	"fmt"
	"hash/maphash"
	"maps"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
)

// namespace is the only one.
const namespace = "shop"

// reference is an owner: what the garbage collector and the controllers go by.
type reference struct {
	name, uid string
}

// RC is a stored ReplicationController. It is never changed: every write makes
// another one, so that stores, caches and events can share it.
type RC struct {
	// object is the whole of it, as it goes over the wire.
	object map[string]any

	// The rest is read from object.
	name, uid  string
	version    int64
	generation int64
	spec       api.Spec
	replicas   int32
	selector   map[string]string
	labels     map[string]string // of the template
	image      string
	owner      reference
	finalizers []string
	rolling    bool
	deleting   bool
	status     status
	bounds     bounds
	digest     uint64
}

// status is what kube-controller-manager reports.
type status struct {
	observed               int64
	pods, ready, available int32
	failing                bool
}

// bounds are the promises of a rollout, by the annotations of its RC.
type bounds struct {
	pending               bool
	desired               int32
	minAvailable, maxPods int32
	paused                bool
	steps                 string // of whatever is requested; none for what is live
	requested             string // image
}

// Pod is a stored pod, never changed either.
type Pod struct {
	name, uid string
	maker     string // the name of the ReplicationController that created it
	version   int64
	labels    map[string]string
	image     string
	owner     reference
	node      int
	created   time.Duration
	readySet  time.Duration // when it became ready
	ready     bool
	failed    bool
	deleting  bool
	digest    uint64

	// defect is why it does not become ready; nil if it will.
	defect *defect
}

// active reports whether the pod is one that kube-controller-manager counts.
func (p *Pod) active() bool { return !p.deleting && !p.failed }

// available reports whether the pod serves.
func (p *Pod) available() bool { return p.active() && p.ready }

func (p *Pod) key() string      { return p.name }
func (p *Pod) identity() string { return p.uid }

func (p *Pod) hash() uint64 {
	if p.digest == 0 {
		var h maphash.Hash
		h.SetSeed(hashSeed)
		_, _ = fmt.Fprint(&h, p.name, p.uid, p.labels, p.image, p.owner, p.node, p.ready, p.failed, p.deleting)
		p.digest = h.Sum64()
	}
	return p.digest
}

func (r *RC) key() string      { return r.name }
func (r *RC) identity() string { return r.uid }

// hash is a digest of the whole object, content one of all but its version.
func (r *RC) hash() uint64 { return r.content() + uint64(r.version) }

// content is computed when it is first asked for.
func (r *RC) content() uint64 {
	if r.digest == 0 {
		metadata := maps.Clone(r.object["metadata"].(map[string]any))
		delete(metadata, "resourceVersion")
		object := maps.Clone(r.object)
		object["metadata"] = metadata
		r.digest = maphash.String(hashSeed, api.Spec(object).String())
	}
	return r.digest
}

func (r *RC) sealed() string   { return r.selector[api.SealedLabel] }
func (r *RC) adopting() string { return r.labels[api.AdoptingLabel] }

// copy is the object for somebody who changes it.
func (r *RC) copy() map[string]any { return runtime.DeepCopyJSON(r.object) }

// selects reports whether a ReplicationController matches labels.
func (r *RC) selects(labels map[string]string) bool {
	for key, value := range r.selector {
		if found, ok := labels[key]; !ok || found != value {
			return false
		}
	}
	return len(r.selector) > 0
}

// hashSeed makes digests comparable within one process.
var hashSeed = maphash.MakeSeed()

// newRC reads an object. It keeps it: the caller must not change it any more.
func (w *World) newRC(object map[string]any) *RC {
	meta := &unstructured.Unstructured{Object: object}
	rc := &RC{
		object: object, name: meta.GetName(), uid: string(meta.GetUID()), generation: meta.GetGeneration(),
		finalizers: meta.GetFinalizers(), deleting: object["metadata"].(map[string]any)["deletionTimestamp"] != nil,
	}
	rc.version, _ = strconv.ParseInt(meta.GetResourceVersion(), 10, 64)
	rc.rolling = meta.GetLabels()[api.RollingLabel] == api.True
	if owner := metav1.GetControllerOf(meta); owner != nil {
		rc.owner = reference{name: owner.Name, uid: string(owner.UID)}
	}
	rc.spec, _ = object["spec"].(map[string]any)
	rc.replicas = rc.spec.Replicas()
	rc.selector = rc.spec.Selector()
	rc.labels = rc.spec.TemplateLabels()
	rc.image = rc.spec.Images()[mainContainer]
	rc.status = readStatus(object)
	rc.bounds = w.boundsOf(rc, meta.GetAnnotations())
	return rc
}

// mainContainer is the one whose image users change, as api.Spec.Images names it.
const mainContainer = "containers/tomcat"

func readStatus(object map[string]any) status {
	fields, _ := object["status"].(map[string]any)
	number := func(key string) int64 {
		n, _ := fields[key].(int64)
		return n
	}
	s := status{
		observed: number("observedGeneration"), pods: int32(number("replicas")),
		ready: int32(number("readyReplicas")), available: int32(number("availableReplicas")),
	}
	conditions, _ := fields["conditions"].([]any)
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] == "ReplicaFailure" && condition["status"] == "True" {
			s.failing = true
		}
	}
	return s
}

// boundsOf reads what is promised while the object is as it is. Requests are
// remembered by their text, for parsing one is slow.
func (w *World) boundsOf(rc *RC, annotations map[string]string) bounds {
	b := bounds{desired: rc.replicas}
	if text, pending := annotations[api.RequestAnnotation]; pending {
		request, known := w.requests[text]
		if !known {
			request, _ = api.ParseSpec(text)
			w.requests[text] = request
		}
		b.pending = true
		b.desired = request.Replicas()
		b.requested = request.Images()[mainContainer]
	}
	b.paused = annotations[api.PausedAnnotation] == api.True
	if b.pending && b.requested != rc.image {
		b.steps = annotations[api.StepsAnnotation]
	}
	surge, unavailable := w.policies.margins(annotations, b.desired)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	b.minAvailable, b.maxPods = b.desired-unavailable, b.desired+surge
	return b
}

// share is a number of pods, given as such or as a percentage of others; what is
// added before the division by 100 says how that is rounded. It is not the product's
// arithmetic on purpose: that is to be checked.
func share(text string, fallback, of, rounding int32) int32 {
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil {
		panic(fmt.Sprintf("users of the simulation set valid strategies only: %v", err))
	}
	if strings.HasSuffix(text, "%") {
		return (int32(n)*of + rounding) / 100
	}
	return int32(n)
}
