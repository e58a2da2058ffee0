package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/metrics"
	"github.com/rcroll/rcroll/pkg/pairing"
	"github.com/rcroll/rcroll/pkg/policies"
)

// fieldManager owns the new ReplicationControllers, and the agent's conditions.
const fieldManager = "rcroll-agent"

// leaderElectionID names the Lease.
const leaderElectionID = "rcroll-agent"

// cacheSyncPatience bounds a readiness probe, whose default timeout is 1 s.
const cacheSyncPatience = 500 * time.Millisecond

// Run serves until the context ends.
func Run(ctx context.Context, restConfig *rest.Config, config Config) error {
	restConfig = rest.CopyConfig(restConfig)
	restConfig.QPS = float32(config.KubeAPIQPS)
	restConfig.Burst = config.KubeAPIBurst

	manager, err := ctrl.NewManager(restConfig, managerOptions(config))
	if err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	recorder, stopEvents, err := newRecorder(restConfig, manager.GetScheme())
	if err != nil {
		return err
	}
	defer stopEvents()
	known, err := policies.New(restConfig)
	if err != nil {
		return err
	}
	if err := manager.Add(known); err != nil {
		return fmt.Errorf("add the watch of policies: %w", err)
	}
	reconciler := newReconciler(clients{
		cached: client.WithFieldOwner(manager.GetClient(), fieldManager),
		live:   manager.GetAPIReader(),
		events: recorder,
	}, known, config.HashLabelKey, clock.RealClock{}, defaultLimits())
	reconciler.historyLimit = &config.RevisionHistoryLimit
	known.Listen(func() { go reconciler.WakeAll(ctx) })
	if err := reconciler.register(ctx, manager, config.Concurrency); err != nil {
		return err
	}
	if err := manager.Add(&statusWriter{reconciler: reconciler, known: known}); err != nil {
		return fmt.Errorf("add the status of policies: %w", err)
	}
	crmetrics.Registry.MustRegister(Collectors(ctx, manager.GetCache(), manager.Elected())...)
	pair, err := newPairing(manager, config)
	if err != nil {
		return err
	}
	if err := addProbes(manager, pair, known); err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}

func managerOptions(config Config) ctrl.Options {
	return ctrl.Options{
		HealthProbeBindAddress:  config.HealthProbeBindAddress,
		Metrics:                 metrics.Server(config.MetricsBindAddress),
		LeaderElection:          config.LeaderElect,
		LeaderElectionID:        leaderElectionID,
		LeaderElectionNamespace: config.Namespace,
		// The process ends when the manager does, so nobody acts after the release.
		LeaderElectionReleaseOnCancel: true,
		Cache: cache.Options{
			DefaultTransform: keepNeeded(),
			ByObject: map[client.Object]cache.ByObject{
				api.EmptyRC(): {Label: labels.SelectorFromSet(labels.Set{api.RollingLabel: api.True})},
			},
		},
		Client: client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	}
}

// newPairing adds to the manager what finds out whether this agent was installed for
// the webhook.
func newPairing(manager ctrl.Manager, config Config) (*pairing.Checker, error) {
	live, err := client.New(manager.GetConfig(), client.Options{
		HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper(),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	checker := &pairing.Checker{
		Client: live, Configuration: config.WebhookConfiguration, Namespace: config.Namespace, HashLabelKey: config.HashLabelKey,
	}
	if err := manager.Add(checker); err != nil {
		return nil, fmt.Errorf("add the check of the pairing: %w", err)
	}
	return checker, nil
}

// addProbes makes an agent ready when it knows the rollouts in flight, leader or
// not: one that stands by is what takes over; and when it belongs to the webhook.
func addProbes(manager ctrl.Manager, pair *pairing.Checker, known *policies.Source) error {
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the liveness probe: %w", err)
	}
	synced := func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), cacheSyncPatience)
		defer cancel()
		if !manager.GetCache().WaitForCacheSync(ctx) {
			return fmt.Errorf("the cache of ReplicationControllers is not in sync")
		}
		return nil
	}
	if err := errors.Join(manager.AddReadyzCheck("cache", synced), manager.AddReadyzCheck("pairing", pair.Ready),
		manager.AddReadyzCheck("policies", func(*http.Request) error { return known.Ready() })); err != nil {
		return fmt.Errorf("add the readiness probe: %w", err)
	}
	return nil
}

func emptyRCList() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(api.GroupVersionKind.GroupVersion().WithKind(api.GroupVersionKind.Kind + "List"))
	return list
}
