package rcroll

import (
	"maps"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/progress"
)

// imageEdit sets images as kubectl set image does. Where that leads back to the live
// images, the request is withdrawn: kubectl would compare with the live object and send
// nothing.
func imageEdit(r progress.Rollout, assignments []string) (edit client.Edit, cancels bool, err error) {
	current := r.Live
	if r.Requested != nil {
		current = r.Requested
	}
	wanted := maps.Clone(current.Images())
	lists := map[string]any{}
	for _, assignment := range assignments {
		container, image, ok := strings.Cut(assignment, "=")
		if !ok || container == "" || image == "" {
			return client.Edit{}, false, errAssignment(assignment)
		}
		if !assign(wanted, lists, container, image) {
			return client.Edit{}, false, errNoContainer(r.Ref(), container)
		}
	}
	pending := r.Phase.Pending() && r.Phase != progress.Promoting && !r.Cancelled
	if pending && reflect.DeepEqual(wanted, r.Live.Images()) {
		return client.Annotate(map[string]any{api.RequestAnnotation: nil}), true, nil
	}
	return client.Edit{Type: types.StrategicMergePatchType,
		Body: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": lists}}}}, false, nil
}

// assign sets the image of a container, and adds that to the lists of a patch; "*" means
// all. It reports whether there is such a container.
func assign(wanted map[string]string, lists map[string]any, container, image string) bool {
	found := false
	for key := range wanted {
		field, name, _ := strings.Cut(key, "/")
		if container != "*" && container != name {
			continue
		}
		found = true
		wanted[key] = image
		list, _ := lists[field].([]any)
		lists[field] = append(list, map[string]any{"name": name, "image": image})
	}
	return found
}
