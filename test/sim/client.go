package sim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

// call is a request of the agent to the API server.
type call struct {
	verb      verb
	name      string
	selector  labels.Selector
	anyState  bool           // a list need not be of the latest state
	object    map[string]any // of a creation
	owner     *RC            // of what is created, when the webhook looked
	patch     []byte
	patchType types.PatchType
	must      preconditions
	policy    metav1.DeletionPropagation
}

type verb string

const (
	getRC       verb = "get"
	listPods    verb = "list pods"
	createRC    verb = "create"
	patchRC     verb = "patch"
	patchStatus verb = "patch status of"
	patchPod    verb = "patch pod"
	deleteRC    verb = "delete"
)

// writes reports whether the call may change anything.
func (c call) writes() bool { return c.verb != getRC && c.verb != listPods }

func (c call) String() string {
	text := strings.TrimSpace(string(c.verb) + " " + c.name)
	if len(c.patch) > 0 && c.verb == patchRC {
		text += " " + string(c.patch)
	}
	if c.verb == deleteRC {
		text += " " + string(c.policy)
	}
	return text
}

// ownerName names the controller of what is created.
func (c call) ownerName() string {
	return api.ControllerOf(&unstructured.Unstructured{Object: c.object}).Name
}

// reply is the API server's answer.
type reply struct {
	rc   *RC
	pods []*Pod
	err  error
}

// liveReader reads from the API server.
type liveReader struct{ process *process }

func (l *liveReader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	u, ok := into.(*unstructured.Unstructured)
	if !ok || u.GetKind() != "ReplicationController" {
		return fmt.Errorf("the simulation has no %T", into)
	}
	return fill(u, l.process.do(call{verb: getRC, name: key.Name}))
}

func (l *liveReader) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	list, ok := into.(*corev1.PodList)
	if !ok {
		return nil // there is nothing of other kinds
	}
	options := (&client.ListOptions{}).ApplyOptions(opts)
	anyState := options.Raw != nil && options.Raw.ResourceVersion == "0"
	reply := l.process.do(call{verb: listPods, selector: options.LabelSelector, anyState: anyState})
	for _, pod := range reply.pods {
		list.Items = append(list.Items, pod.typed())
	}
	return reply.err
}

// fill copies an answer into the caller's object.
func fill(u *unstructured.Unstructured, r reply) error {
	if r.err == nil && r.rc != nil {
		u.Object = r.rc.copy()
	}
	return r.err
}

// cachedClient reads from the informer's cache and writes to the API server.
type cachedClient struct {
	client.Client // nil: whatever else the agent may call is to be modelled first
	process       *process
}

func (c *cachedClient) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	rc := c.process.cache[key.Name]
	if rc == nil || key.Namespace != namespace {
		return apierrors.NewNotFound(rcResource, key.Name)
	}
	return fill(into.(*unstructured.Unstructured), reply{rc: rc})
}

// List knows one index, that by the name of the controller.
func (c *cachedClient) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	list := into.(*unstructured.UnstructuredList)
	options := (&client.ListOptions{}).ApplyOptions(opts)
	isSelected := func(*RC) bool { return true }
	if options.FieldSelector == nil && c.process.policies.neighbour {
		list.Items = append(list.Items, neighbour()...)
	}
	if options.FieldSelector != nil {
		owner := options.FieldSelector.Requirements()[0].Value
		isSelected = func(rc *RC) bool { return rc.owner.name == owner }
	}
	for _, rc := range inOrder(c.process.cache) {
		if isSelected(rc) {
			list.Items = append(list.Items, unstructured.Unstructured{Object: rc.copy()})
		}
	}
	return nil
}

func (c *cachedClient) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	u := object.(*unstructured.Unstructured)
	return fill(u, c.process.do(call{verb: createRC, name: u.GetName(), object: runtime.DeepCopyJSON(u.Object)}))
}

func (c *cachedClient) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.patch(patchRC, object, patch)
}

func (c *cachedClient) patch(verb verb, object client.Object, patch client.Patch) error {
	body, err := patch.Data(object)
	if err != nil {
		return err
	}
	if _, isPod := object.(*corev1.Pod); isPod {
		return c.process.do(call{verb: patchPod, name: object.GetName(), patch: body, patchType: patch.Type()}).err
	}
	u := object.(*unstructured.Unstructured)
	return fill(u, c.process.do(call{verb: verb, name: u.GetName(), patch: body, patchType: patch.Type()}))
}

func (c *cachedClient) Delete(_ context.Context, object client.Object, opts ...client.DeleteOption) error {
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	request := call{verb: deleteRC, name: object.GetName(), policy: metav1.DeletePropagationBackground}
	if options.PropagationPolicy != nil {
		request.policy = *options.PropagationPolicy
	}
	if p := options.Preconditions; p != nil {
		if p.UID != nil {
			request.must.uid = string(*p.UID)
		}
		if p.ResourceVersion != nil {
			request.must.version = *p.ResourceVersion
		}
	}
	return c.process.do(request).err
}

func (c *cachedClient) Status() client.SubResourceWriter { return &statusWriter{client: c} }

type statusWriter struct {
	client.SubResourceWriter
	client *cachedClient
}

func (s *statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.client.patch(patchStatus, object, patch)
}

// serve is the API server's side of a call.
func (w *World) serve(c call) reply {
	by := requester{user: agentUser, fieldManager: "rcroll-agent"}
	switch c.verb {
	case getRC:
		rc, err := w.findRC(c.name, preconditions{})
		return reply{rc: rc, err: err}
	case listPods:
		state := w.pods
		if c.anyState {
			// The API server's own cache may be as far behind as anybody else's.
			state = w.manager.pods.cache
		}
		var pods []*Pod
		for _, pod := range inOrder(state) {
			if c.selector == nil || c.selector.Matches(labels.Set(pod.labels)) {
				pods = append(pods, pod)
			}
		}
		return reply{pods: pods}
	case createRC:
		by.owner = c.owner
		rc, err := w.createRC(by, c.object)
		return reply{rc: rc, err: err}
	case deleteRC:
		return reply{err: w.deleteRC(c.name, c.must, c.policy)}
	case patchPod:
		return reply{err: w.patchPod(c)}
	}
	return w.servePatch(by, c)
}

// patchPod gives a pod an owner, which is all that the agent does to pods.
func (w *World) patchPod(c call) error {
	var patch corev1.Pod
	if err := json.Unmarshal(c.patch, &patch); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	pod := w.pods[c.name]
	switch {
	case pod == nil:
		return apierrors.NewNotFound(podResource, c.name)
	case string(patch.UID) != pod.uid || patch.ResourceVersion != strconv.FormatInt(pod.version, 10):
		return apierrors.NewConflict(podResource, c.name, errors.New("the object has been modified"))
	}
	owner := metav1.GetControllerOf(&patch)
	return w.adopt(pod, reference{name: owner.Name, uid: string(owner.UID)})
}

func (w *World) servePatch(by requester, c call) reply {
	var patch map[string]any
	if err := json.Unmarshal(c.patch, &patch); err != nil {
		return reply{err: apierrors.NewBadRequest(err.Error())}
	}
	metadata, _ := patch["metadata"].(map[string]any)
	must := preconditions{}
	must.version, _ = metadata["resourceVersion"].(string)
	delete(metadata, "resourceVersion")
	if c.verb == patchStatus {
		rc, err := w.updateStatus(c.name, must, func(status map[string]any) { mergeConditions(status, patch) })
		return reply{rc: rc, err: err}
	}
	if c.patchType != types.MergePatchType {
		return reply{err: apierrors.NewBadRequest("the simulation does merge patches only")}
	}
	rc, err := w.updateRC(by, c.name, must, func(object map[string]any) { merge(object, patch) })
	return reply{rc: rc, err: err}
}

// merge is a JSON merge patch.
func merge(object, patch map[string]any) {
	for key, value := range patch {
		fields, isMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(object, key)
		case isMap:
			inner, ok := object[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				object[key] = inner
			}
			merge(inner, fields)
		default:
			object[key] = value
		}
	}
}

// mergeConditions is a strategic merge patch of nothing but status.conditions,
// which are merged by type.
func mergeConditions(status, patch map[string]any) {
	change, _ := patch["status"].(map[string]any)["conditions"].([]any)
	have, _ := status["conditions"].([]any)
	for _, item := range change {
		condition := item.(map[string]any)
		var rest []any
		for _, old := range have {
			if old.(map[string]any)["type"] != condition["type"] {
				rest = append(rest, old)
			}
		}
		if condition["$patch"] != "delete" {
			rest = append(rest, condition)
		}
		have = rest
	}
	if len(have) == 0 {
		delete(status, "conditions")
		return
	}
	status["conditions"] = have
}
