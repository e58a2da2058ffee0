package commands

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
)

const (
	// idleRCs is how many ReplicationControllers there are besides the one that is watched.
	idleRCs = 10_000

	// writers is how many are created at a time.
	writers = 20
)

// BenchmarkWatch is how long kubectl rcroll get --watch takes, from its start as a process
// to the first thing to be read, among ten thousand ReplicationControllers of the same
// namespace. make bench-watch runs it.
func BenchmarkWatch(b *testing.B) {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" || testing.Short() {
		b.Skip("KUBECONFIG does not name a control plane")
	}
	namespace := idle(b, kubeconfig)
	program, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "kubectl-rcroll"))
	require.NoError(b, err)
	var slowest time.Duration
	for b.Loop() {
		begun := time.Now()
		command := exec.CommandContext(b.Context(), program, "get", "idle-0", "--watch", "--namespace="+namespace)
		command.Stderr = os.Stderr
		stdout, err := command.StdoutPipe()
		require.NoError(b, err)
		require.NoError(b, command.Start())
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() && len(scanner.Text()) < len("idle-0") {
		}
		require.NoError(b, scanner.Err())
		slowest = max(slowest, time.Since(begun))
		_ = command.Process.Kill()
		_ = command.Wait()
	}
	b.ReportMetric(slowest.Seconds(), "max-s")
}

// idle makes that many ReplicationControllers without pods in a namespace of their own.
func idle(b *testing.B, kubeconfig string) string {
	b.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(b, err)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	require.NoError(b, err)
	namespace, err := client.CoreV1().Namespaces().Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-watch-"}}, metav1.CreateOptions{})
	require.NoError(b, err)
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(writers)
	for i := range idleRCs + 1 {
		group.Go(func() error {
			labels := map[string]string{"app": fmt.Sprint("idle-", i)}
			_, err := client.CoreV1().ReplicationControllers(namespace.Name).Create(ctx, &corev1.ReplicationController{
				ObjectMeta: metav1.ObjectMeta{Name: labels["app"]},
				Spec: corev1.ReplicationControllerSpec{Replicas: ptr.To[int32](0), Selector: labels, Template: &corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}}}},
			}, metav1.CreateOptions{})
			return err
		})
	}
	require.NoError(b, group.Wait())
	return namespace.Name
}
