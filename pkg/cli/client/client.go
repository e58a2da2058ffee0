// Package client is what the commands of rcroll do to a cluster: they read, watch and
// edit ReplicationControllers with the rights of their user, and nothing else.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

var (
	replicationControllers = schema.GroupVersionResource{Version: "v1", Resource: "replicationcontrollers"}
	pods                   = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// The limits of kubectl: whoever watches lists pods often.
const (
	qps   = 50
	burst = 300
)

// Client reads and edits ReplicationControllers.
type Client struct {
	dynamic dynamic.Interface

	// Namespace is that of the command line or of the kubeconfig.
	Namespace string

	manager string
}

// New connects as kubectl does. Warnings of the API server and of admission go to warn,
// each once. manager is the field manager of edits.
func New(flags *genericclioptions.ConfigFlags, warn io.Writer, manager string) (*Client, error) {
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = qps, burst
	config.WarningHandler = rest.NewWarningWriter(warn, rest.WarningWriterOptions{Deduplicate: true, Color: printers.AllowsColorOutput(warn)})
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create a client: %w", err)
	}
	return &Client{dynamic: client, Namespace: namespace, manager: manager}, nil
}

func (c *Client) rcs() dynamic.ResourceInterface {
	return c.dynamic.Resource(replicationControllers).Namespace(c.Namespace)
}

// Get reads a ReplicationController from the API server, not from its cache.
func (c *Client) Get(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	return c.rcs().Get(ctx, name, metav1.GetOptions{})
}

// List reads the ReplicationControllers of a namespace (of all, if that is empty) that a
// selector selects.
func (c *Client) List(ctx context.Context, namespace, selector string) ([]*unstructured.Unstructured, error) {
	return c.list(ctx, replicationControllers, namespace, metav1.ListOptions{LabelSelector: selector})
}

// rollingSelector selects the ReplicationControllers that are rolling, and those that
// they own.
const rollingSelector = api.RollingLabel + "=" + api.True

// Rolling reads what is rolling in the namespace: what a ReplicationController owns is
// among it, of however many others that do not roll.
func (c *Client) Rolling(ctx context.Context) ([]*unstructured.Unstructured, error) {
	return c.List(ctx, c.Namespace, rollingSelector)
}

// Pods reads the pods of a ReplicationController and of what it owns, and maybe others
// with the same labels.
func (c *Client) Pods(ctx context.Context, rc *unstructured.Unstructured, others []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, selector := range podSelectors(rc, others) {
		list, err := c.list(ctx, pods, c.Namespace, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return nil, err
		}
		for _, pod := range list {
			if !slices.ContainsFunc(all, func(other *unstructured.Unstructured) bool { return other.GetUID() == pod.GetUID() }) {
				all = append(all, pod)
			}
		}
	}
	return all, nil
}

func (c *Client) list(ctx context.Context, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]*unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(resource).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		objects[i] = &list.Items[i]
	}
	return objects, nil
}

// Read is a ReplicationController, and its rollout.
func (c *Client) Read(ctx context.Context, name string) (*unstructured.Unstructured, progress.Rollout, error) {
	rc, others, err := c.ReadAll(ctx, name)
	if err != nil {
		return nil, progress.Rollout{}, err
	}
	known, err := c.KnownPolicies(ctx, c.Namespace)
	if err != nil {
		return nil, progress.Rollout{}, err
	}
	return rc, known.Rollout(rc, others), nil
}

// ReadAll is a ReplicationController, and what is rolling beside it. The others are read
// later, so the ReplicationController is the older of what is seen.
func (c *Client) ReadAll(ctx context.Context, name string) (rc *unstructured.Unstructured, others []*unstructured.Unstructured, err error) {
	if rc, err = c.Get(ctx, name); err != nil {
		return nil, nil, err
	}
	if api.IsOwned(rc) {
		return nil, nil, errOwned(name, api.ControllerOf(rc).Name)
	}
	others, err = c.Rolling(ctx)
	return rc, others, err
}

// errOwned is for a ReplicationController that users do not edit.
func errOwned(name, owner string) error {
	return fmt.Errorf("rc/%s belongs to the rolling update of rc/%s: name that one", name, owner)
}

// Edit says how an edit is sent.
type Edit struct {
	// Type of the patch; empty if Body is the whole object.
	Type types.PatchType

	// Body is encoded as JSON.
	Body any
}

// Apply sends an edit, and returns what is stored or, with dryRun, would be.
func (c *Client) Apply(ctx context.Context, name string, edit Edit, dryRun bool) (*unstructured.Unstructured, error) {
	dry := dryRuns(dryRun)
	if edit.Type == "" {
		object := edit.Body.(*unstructured.Unstructured).DeepCopy()
		return c.rcs().Update(ctx, object, metav1.UpdateOptions{DryRun: dry, FieldManager: c.manager})
	}
	body, err := json.Marshal(edit.Body)
	if err != nil {
		return nil, fmt.Errorf("encode an edit: %w", err)
	}
	return c.rcs().Patch(ctx, name, edit.Type, body, metav1.PatchOptions{DryRun: dry, FieldManager: c.manager})
}

// Create stores a ReplicationController; with dryRun it only asks whether that may be.
func (c *Client) Create(ctx context.Context, rc *unstructured.Unstructured, dryRun bool) (*unstructured.Unstructured, error) {
	return c.rcs().Create(ctx, rc, metav1.CreateOptions{DryRun: dryRuns(dryRun), FieldManager: c.manager})
}

// Orphan deletes a ReplicationController and leaves its pods, if it is as it was read;
// with dryRun it only asks whether that may be.
func (c *Client) Orphan(ctx context.Context, rc *unstructured.Unstructured, dryRun bool) error {
	version := rc.GetResourceVersion()
	return c.rcs().Delete(ctx, rc.GetName(), metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: ptr.To(rc.GetUID()), ResourceVersion: &version},
		PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan),
		DryRun:            dryRuns(dryRun),
	})
}

// IgnoreConflict is nil for an error that says that something was written in between.
func IgnoreConflict(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func dryRuns(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Annotate sets annotations, as kubectl annotate does; nil removes one.
func Annotate(values map[string]any) Edit {
	return Edit{Type: types.MergePatchType, Body: map[string]any{"metadata": map[string]any{"annotations": values}}}
}
