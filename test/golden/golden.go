// Package golden keeps admission reviews that a real API server sent: one file for
// each kind of edit, in it the moments of a rollout at which the edit was made and
// what it was expected to mean. The end-to-end tests record them, the webhook's
// tests replay them, and the fuzz tests start from them.
package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

// Case is one edit at one moment.
type Case struct {
	// Moment of a rollout at which the edit was made.
	Moment string `json:"moment"`

	// Meaning that the edit has then, in the words of the tests that recorded it.
	Meaning string `json:"meaning"`

	// Words that a refusal has to contain.
	Words string `json:"words,omitempty"`

	// ByServer reports whether it is the API server that refuses, and rcroll lets pass.
	ByServer bool `json:"byServer,omitempty"`

	// Wanted is what is asked for when the edit is made.
	Wanted State `json:"wanted"`

	// Stored is the ReplicationController before the edit, where that is not in the
	// reviews: in those of a Scale.
	Stored json.RawMessage `json:"stored,omitempty"`

	// Reviews are those that the edit led to, in order: clients may send several requests.
	Reviews []json.RawMessage `json:"reviews"`
}

// State is what the edits in the tests change in a spec.
type State struct {
	// Images of the containers, then of the init containers, with commas between.
	Images string `json:"images"`

	Replicas int32 `json:"replicas"`

	// Mode is the variable MODE in the first container.
	Mode string `json:"mode,omitempty"`

	// Tier is the label tier of the pods.
	Tier string `json:"tier,omitempty"`

	// CPU is what the first container requests.
	CPU string `json:"cpu,omitempty"`

	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
}

// StateOf reads the State out of a spec with a template.
func StateOf(spec corev1.ReplicationControllerSpec) State {
	state := State{Replicas: 1, MinReadySeconds: spec.MinReadySeconds, Tier: spec.Template.Labels["tier"]}
	if spec.Replicas != nil {
		state.Replicas = *spec.Replicas
	}
	var images []string
	for _, container := range slices.Concat(spec.Template.Spec.Containers, spec.Template.Spec.InitContainers) {
		images = append(images, container.Image)
	}
	state.Images = strings.Join(images, ",")
	first := spec.Template.Spec.Containers[0]
	for _, variable := range first.Env {
		if variable.Name == "MODE" {
			state.Mode = variable.Value
		}
	}
	if cpu, ok := first.Resources.Requests[corev1.ResourceCPU]; ok {
		state.CPU = cpu.String()
	}
	return state
}

// Review decodes one of a case's reviews.
func Review(raw json.RawMessage) (*admissionv1.AdmissionRequest, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(raw, &review); err != nil {
		return nil, fmt.Errorf("decode a review: %w", err)
	}
	return review.Request, nil
}

// Load reads all cases of a directory, by the names of the edits.
func Load(directory string) (map[string][]Case, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("find reviews: %w", err)
	}
	cases := map[string][]Case{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read reviews: %w", err)
		}
		var list []Case
		if err := json.Unmarshal(content, &list); err != nil {
			return nil, fmt.Errorf("decode %s: %w", file, err)
		}
		cases[strings.TrimSuffix(filepath.Base(file), ".json")] = list
	}
	return cases, nil
}

// reviewBegins is how an encoded review begins, with its keys in order.
const reviewBegins = `{"apiVersion":"admission.k8s.io/v1"`

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Save writes the cases of an edit, in the order of their moments, each review in
// a line of its own.
func Save(directory, edit string, cases []Case) error {
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.Moment, b.Moment) })
	var lines []string
	for _, c := range cases {
		text, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode the reviews of %s: %w", edit, err)
		}
		lines = append(lines, strings.ReplaceAll(string(text), reviewBegins, "\n"+reviewBegins))
	}
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(edit), "-"), "-")
	content := "[" + strings.Join(lines, ",\n") + "]\n"
	if err := os.WriteFile(filepath.Join(directory, name+".json"), []byte(content), 0o644); err != nil {
		return fmt.Errorf("save the reviews of %s: %w", edit, err)
	}
	return nil
}

// The things that differ each time. What is equal stays equal and, of times, what is
// earlier stays earlier: some meanings are told by that.
var (
	uids     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	times    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	versions = regexp.MustCompile(`"resourceVersion":"\d+"`)
)

// Normalise makes recordings of the same edit alike, without what nobody reads.
func Normalise(c Case, namespace string) (Case, error) {
	reviews := make([]json.RawMessage, len(c.Reviews))
	ofScale := false
	for i, raw := range c.Reviews {
		var review map[string]any
		if err := json.Unmarshal(raw, &review); err != nil {
			return Case{}, fmt.Errorf("decode a review: %w", err)
		}
		request, _ := review["request"].(map[string]any)
		ofScale = ofScale || request["subResource"] == "scale"
		var err error
		if reviews[i], err = withoutStatus(review, request); err != nil {
			return Case{}, err
		}
	}
	c.Reviews = reviews
	if !ofScale {
		c.Stored = nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return Case{}, fmt.Errorf("encode a case: %w", err)
	}
	text = bytes.ReplaceAll(text, []byte(namespace), []byte("default"))
	text = versions.ReplaceAll(text, []byte(`"resourceVersion":"1"`))
	text = renamed(text, uids, first, "00000000-0000-0000-0000-%012d")
	text = renamed(text, times, earliest, "2026-01-01T00:00:%02dZ")
	var out Case
	if err := json.Unmarshal(text, &out); err != nil {
		return Case{}, fmt.Errorf("decode a normalised case: %w", err)
	}
	return out, nil
}

// withoutStatus is a review without the status of its objects, and without what is
// known of the user but the name.
func withoutStatus(review, request map[string]any) (json.RawMessage, error) {
	for _, version := range []string{"object", "oldObject"} {
		object, _ := request[version].(map[string]any)
		delete(object, "status")
		metadata, _ := object["metadata"].(map[string]any)
		fields, _ := metadata["managedFields"].([]any)
		if len(fields) > 0 {
			metadata["managedFields"] = slices.DeleteFunc(fields, func(entry any) bool {
				fields := entry.(map[string]any)
				return fields["subresource"] == "status" && fields["operation"] == "Update" // those who apply are few, and are told by that
			})
		}
	}
	user, _ := request["userInfo"].(map[string]any)
	request["userInfo"] = map[string]any{"username": user["username"]}
	text, err := json.Marshal(review)
	if err != nil {
		return nil, fmt.Errorf("encode a review: %w", err)
	}
	return text, nil
}

func first(list []string) []string { return list }

func earliest(list []string) []string { return slices.Sorted(slices.Values(list)) }

// renamed replaces the n-th of what matches, in that order, by the format with n.
func renamed(text []byte, pattern *regexp.Regexp, order func([]string) []string, format string) []byte {
	var found []string
	for _, match := range pattern.FindAll(text, -1) {
		if !slices.Contains(found, string(match)) {
			found = append(found, string(match))
		}
	}
	found = order(found)
	return pattern.ReplaceAllFunc(text, func(match []byte) []byte {
		return fmt.Appendf(nil, format, slices.Index(found, string(match)))
	})
}
