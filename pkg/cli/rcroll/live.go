package rcroll

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/view"
)

// refresh is how often the screen is looked after though nothing has changed in the
// cluster: times go on, and the terminal may have another size.
const refresh = 250 * time.Millisecond

// live shows a rolling update in a terminal until it is interrupted.
func (e *environment) live(ctx context.Context, c *client.Client, rc *unstructured.Unstructured, s *screen) error {
	defer s.open()()
	pace := &view.Pace{}
	return c.Follow(ctx, rc, client.Following{Pods: true, Every: refresh}, func(seen client.Seen) (bool, error) {
		if seen.RC == nil || seen.RC.GetUID() != rc.GetUID() {
			return true, errDeleted("rc/" + rc.GetName())
		}
		pods, err := podsOf(seen.Pods)
		if err != nil {
			return false, err
		}
		now, r := time.Now(), seen.Rollout()
		pace.Observe(now, r)
		s.draw(view.Of(r, pods, pace, now), now)
		return false, nil
	})
}

func podsOf(objects []*unstructured.Unstructured) ([]corev1.Pod, error) {
	pods := make([]corev1.Pod, len(objects))
	for i, object := range objects {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pods[i]); err != nil {
			return nil, fmt.Errorf("read pod %s: %w", object.GetName(), err)
		}
	}
	return pods, nil
}
