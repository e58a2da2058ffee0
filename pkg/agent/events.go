package agent

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
)

// Events about one ReplicationController that are neither dropped nor folded. The
// defaults, 25 in a row and 10 of a reason, are for controllers that repeat
// themselves; a rollout of 20 pods alone takes 40 steps, and each is news.
const (
	eventBurst = 2000
	eventQPS   = 5
)

// newRecorder returns a recorder of events, and a function that ends it.
//
// The manager's own recorder has the defaults of the spam filter. That of the newer
// events API folds a series with one reason into its first message, so that the
// steps of a rollout would be one event.
func newRecorder(config *rest.Config, scheme *runtime.Scheme) (record.EventRecorder, func(), error) {
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("set up the client for events: %w", err)
	}
	broadcaster := record.NewBroadcaster(record.WithCorrelatorOptions(record.CorrelatorOptions{
		BurstSize: eventBurst,
		QPS:       eventQPS,
		MaxEvents: eventBurst,
	}))
	broadcaster.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
	return broadcaster.NewRecorder(scheme, corev1.EventSource{Component: fieldManager}), broadcaster.Shutdown, nil
}
