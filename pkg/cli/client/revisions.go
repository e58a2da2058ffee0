package client

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/history"
)

var controllerRevisions = appsv1.SchemeGroupVersion.WithResource("controllerrevisions")

// Revisions reads the history of a ReplicationController, the oldest first. What else has
// its label, and is not controlled by it, is left out.
func (c *Client) Revisions(ctx context.Context, owner metav1.Object) ([]*appsv1.ControllerRevision, error) {
	list, err := c.dynamic.Resource(controllerRevisions).Namespace(owner.GetNamespace()).
		List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(history.Labels(owner.GetUID())).String()})
	if err != nil {
		return nil, err
	}
	var revisions []*appsv1.ControllerRevision
	for i := range list.Items {
		revision := &appsv1.ControllerRevision{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, revision); err != nil {
			return nil, fmt.Errorf("read controllerrevision %s: %w", list.Items[i].GetName(), err)
		}
		if history.IsOf(revision, owner.GetUID()) {
			revisions = append(revisions, revision)
		}
	}
	slices.SortFunc(revisions, func(a, b *appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	return revisions, nil
}
