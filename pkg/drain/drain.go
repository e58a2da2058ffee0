package drain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

const (
	// pause is the time between two looks.
	pause = time.Second

	// quietLooks is how often there must be nothing left, one look after the other: until then
	// every API server knows the policy, and what was stored before is seen.
	quietLooks = 5

	// releaseTimeout is for what has to be taken back, however this ends.
	releaseTimeout = 10 * time.Second
)

// cancellation and resumption are what users do. Both at once would be no cancellation:
// whoever writes anything besides has not seen the request.
var (
	cancellation = withoutAnnotation(api.RequestAnnotation)
	resumption   = withoutAnnotation(api.PausedAnnotation)
)

func withoutAnnotation(key string) client.Patch {
	return client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, key))
}

// Run returns nil when no rollout is left, and with options.WebhookConfiguration when the
// webhook is called no more. Its client must read from the API server, not from a cache.
// Until it returns no rollout can be started; edits that would start one are refused.
func Run(ctx context.Context, c client.Client, options Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		err = errors.Join(err, releaseRequests(ctx, c))
	}()
	if err := holdRequests(ctx, c); err != nil {
		return err
	}
	if err := awaitRollouts(ctx, c, options.Patience); err != nil {
		return err
	}
	if options.WebhookConfiguration == "" {
		return nil
	}
	configuration := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: options.WebhookConfiguration}}
	if err := client.IgnoreNotFound(c.Delete(ctx, configuration)); err != nil {
		return fmt.Errorf("delete the webhook configuration: %w", err)
	}
	return nil
}

// awaitRollouts returns when none is left.
func awaitRollouts(ctx context.Context, c client.Client, patience time.Duration) error {
	deadline, quiet := time.Now().Add(patience), 0
	var last progress
	err := wait.PollUntilContextCancel(ctx, pause, true, func(ctx context.Context) (bool, error) {
		var rcs corev1.ReplicationControllerList
		if err := c.List(ctx, &rcs, client.MatchingLabels{api.RollingLabel: api.True}); err != nil {
			return false, fmt.Errorf("list the ReplicationControllers of rollouts: %w", err)
		}
		last = progressOf(rcs.Items, time.Now().After(deadline))
		patchAll(ctx, c, "cancel", last.cancel, cancellation)
		patchAll(ctx, c, "resume", last.resume, resumption)
		if quiet++; len(last.left) > 0 {
			quiet = 0
		}
		return quiet >= quietLooks, nil
	})
	if wait.Interrupted(err) || ctx.Err() != nil {
		return fmt.Errorf("rollouts are left: %s", strings.Join(last.left, "; "))
	}
	return err
}

// patchAll goes on where one cannot be patched: that is tried again, and named at the end.
func patchAll(ctx context.Context, c client.Client, verb string, rcs []*corev1.ReplicationController, patch client.Patch) {
	for _, rc := range rcs {
		log := ctrl.LoggerFrom(ctx).WithValues("verb", verb, "namespace", rc.Namespace, "replicationController", rc.Name)
		if err := client.IgnoreNotFound(c.Patch(ctx, rc, patch)); err != nil {
			log.Error(err, "Cannot end a rollout yet")
			continue
		}
		log.Info("Ending a rollout")
	}
}
