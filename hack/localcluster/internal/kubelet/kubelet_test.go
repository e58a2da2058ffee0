package kubelet

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/utils/lifecycle"
)

// KWOK throws dice where two stages match, so every pod must match one stage at most.
func TestStagesOfPods(t *testing.T) {
	stages, err := loadStages()
	if err != nil {
		t.Fatal(err)
	}
	life, err := lifecycle.NewLifecycle(stages[internalversion.StageResourceRef{APIGroup: "v1", Kind: "Pod"}])
	if err != nil {
		t.Fatal(err)
	}
	waiting := func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c0"}} }
	crashed := func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodRunning
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c0", RestartCount: 3}}
	}
	running := func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }
	deleted := func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }
	for _, test := range []struct {
		name      string
		pod       *corev1.Pod
		wantStage string
		wantDelay string
	}{
		{"good", newPod("tomcat:8"), "pod-ready", "1s"},
		{"slow", newPod("nginx tomcat:slow"), "pod-ready", "10s"},
		{"good and running", newPod("tomcat:8", running), "", ""},
		{"bad", newPod("tomcat:bad"), "pod-image-pull-back-off", "1s"},
		{"bad among good ones", newPod("nginx tomcat:bad"), "pod-image-pull-back-off", "1s"},
		{"bad and told so", newPod("tomcat:bad", waiting), "", ""},
		{"bad before, and corrected", newPod("tomcat:8", waiting), "pod-ready", "1s"},
		{"crash", newPod("tomcat:crash"), "pod-crash-loop-back-off", "1s"},
		{"crash again", newPod("tomcat:crash", crashed), "pod-crash-loop-back-off", "40s"},
		{"crash and bad", newPod("tomcat:crash nginx:bad"), "pod-image-pull-back-off", "1s"},
		{"deleted", newPod("tomcat:8", deleted), "pod-delete", "0s"},
		{"bad and deleted", newPod("tomcat:bad", deleted), "pod-delete", "0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			event := &lifecycle.Event{Data: test.pod}
			matches, err := life.ListAllPossible(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range matches {
				names = append(names, m.Name())
			}
			if got := strings.Join(names, ","); got != test.wantStage {
				t.Fatalf("stages = %q, want %q", got, test.wantStage)
			}
			if len(matches) == 0 {
				return
			}
			delay, _, err := matches[0].Delay(t.Context(), event, metav1.Now().Time)
			if err != nil {
				t.Fatal(err)
			}
			if delay.String() != test.wantDelay {
				t.Errorf("delay = %s, want %s", delay, test.wantDelay)
			}
		})
	}
}

// newPod returns a pending pod with a container of each image, changed by the options.
func newPod(images string, options ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}
	for image := range strings.SplitSeq(images, " ") {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: image, Image: image})
	}
	for _, option := range options {
		option(p)
	}
	return p
}

func TestPatientTransport(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		switch len(bodies) {
		case 1:
			panic(http.ErrAbortHandler) // the server dies
		case 2:
			http.Error(w, "etcd is away", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: patientTransport{next: http.DefaultTransport}}
	resp, err := client.Post(server.URL, "text/plain", strings.NewReader("patch"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got, want := strings.Join(bodies, " "), "patch patch patch"; got != want || resp.StatusCode != http.StatusOK {
		t.Errorf("the server got %q and answered %s, want %q and 200", got, resp.Status, want)
	}
}
