// Package kubelet simulates the kubelets of all nodes with KWOK: pods become Ready or fail, depending on the tag of their image.
package kubelet

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/log"
)

// stagesYAML is the life cycle of nodes and pods.
//
//go:embed stages.yaml
var stagesYAML string

// podCIDR has more addresses than the nodes have room for pods.
const podCIDR = "10.64.0.0/10"

// parallelism is the number of concurrent status updates. KWOK refuses 0 and defaults to 4, which is what a rollout of
// thousands of pods would measure.
const parallelism = 16

// Run simulates the kubelets until ctx ends. It serves /readyz on address.
func Run(ctx context.Context, kubeconfig, address string) error {
	ctx = log.NewContext(ctx, log.NewLogger(os.Stderr, log.LevelInfo))
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("reading %s: %w", kubeconfig, err)
	}
	config.QPS = -1 // no limit: real kubelets have a limit each
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return patientTransport{next: next} })

	controller, err := newController(config)
	if err != nil {
		return err
	}
	if err := controller.Start(ctx); err != nil {
		return fmt.Errorf("starting KWOK: %w", err)
	}
	return serveReady(ctx, address)
}

func newController(config *rest.Config) (*controllers.Controller, error) {
	stages, err := loadStages()
	if err != nil {
		return nil, err
	}
	id, err := controllers.Identity()
	if err != nil {
		return nil, fmt.Errorf("identifying KWOK: %w", err)
	}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	controller, err := controllers.NewController(controllers.Config{
		Clock:                     clock.RealClock{},
		ID:                        id,
		TypedClient:               typed,
		DynamicClient:             dyn,
		RESTClient:                typed.CoreV1().RESTClient(),
		ManageAllNodes:            true,
		CIDR:                      podCIDR,
		LocalStages:               stages,
		PodPlayStageParallelism:   parallelism,
		NodePlayStageParallelism:  parallelism,
		NodeLeaseParallelism:      parallelism,
		PodsOnNodeSyncParallelism: parallelism,
		// With leases, a restarted KWOK would wait for the old lease to expire.
		NodeLeaseDurationSeconds: 0,
	})
	if err != nil {
		return nil, fmt.Errorf("configuring KWOK: %w", err)
	}
	return controller, nil
}

// loadStages parses the embedded stages and groups them by the kind that they apply to.
func loadStages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	stages := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(stagesYAML), len(stagesYAML))
	for {
		var in v1alpha1.Stage
		err := decoder.Decode(&in)
		if errors.Is(err, io.EOF) {
			return stages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parsing the stages: %w", err)
		}
		v1alpha1.SetObjectDefaults_Stage(&in)
		stage, err := internalversion.ConvertToInternalStage(&in)
		if err != nil {
			return nil, fmt.Errorf("converting stage %s: %w", in.Name, err)
		}
		stages[stage.Spec.ResourceRef] = append(stages[stage.Spec.ResourceRef], stage)
	}
}

func serveReady(ctx context.Context, address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", address, err)
	}
	return nil
}
