package rollingupdate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/progress"
)

// edit is what the flags ask for.
func (o *options) edit(rc *unstructured.Unstructured, before progress.Rollout) (client.Edit, error) {
	if len(o.filenames) > 0 {
		file, err := o.read(o.filenames[0])
		if err != nil {
			return client.Edit{}, err
		}
		return client.Edit{Body: o.fromFile(rc, file, before)}, nil
	}
	return o.imageEdit(before, time.Now())
}

// imageEdit changes the image of a container, as kubectl set image does.
func (o *options) imageEdit(before progress.Rollout, now time.Time) (client.Edit, error) {
	current := before.Requested
	if current == nil || before.Cancelled {
		current = before.Live
	}
	chosen, err := o.choose(current)
	if err != nil {
		return client.Edit{}, err
	}
	inFlight := before.Phase.Pending() && !before.Cancelled && before.Phase != progress.Promoting
	same := chosen.Image == o.image
	switch {
	case inFlight && !same && before.Live.Images()["containers/"+chosen.Name] == o.image:
		return client.Edit{}, errInProgress(chosen.Image)
	case !inFlight && same && o.pullPolicy == "":
		return client.Edit{}, errPullPolicy
	}
	container := map[string]any{"name": chosen.Name, "image": o.image}
	template := map[string]any{"spec": map[string]any{"containers": []any{container}}}
	if !inFlight && same {
		container["imagePullPolicy"] = o.pullPolicy
		template["metadata"] = map[string]any{"annotations": map[string]any{restart: now.UTC().Format(time.RFC3339)}}
	}
	body := map[string]any{"spec": map[string]any{"template": template}}
	if o.period != nil {
		body["metadata"] = map[string]any{"annotations": map[string]any{api.UpdatePeriodAnnotation: o.period.String()}}
	}
	return client.Edit{Type: types.StrategicMergePatchType, Body: body}, nil
}

// restart has pods replaced though their image is the same.
var restart = mutate.DefaultRestartAnnotations[0]

// choose returns the container that the flags mean.
func (o *options) choose(spec api.Spec) (corev1.Container, error) {
	var typed corev1.ReplicationControllerSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &typed); err != nil {
		return corev1.Container{}, fmt.Errorf("read the template: %w", err)
	}
	containers := typed.Template.Spec.Containers
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return o.container == "" || c.Name == o.container })
	switch {
	case i < 0:
		return corev1.Container{}, errNoContainer(o.container)
	case o.container == "" && len(containers) > 1:
		return corev1.Container{}, errContainer
	}
	return containers[i], nil
}

// read returns the ReplicationController in a file, which has to be of the same name.
func (o *options) read(filename string) (*unstructured.Unstructured, error) {
	namespace, enforce, err := o.config.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	infos, err := resource.NewBuilder(o.config).Unstructured().NamespaceParam(namespace).DefaultNamespace().
		FilenameParam(enforce, &resource.FilenameOptions{Filenames: []string{filename}}).Flatten().Do().Infos()
	switch {
	case err != nil:
		return nil, err
	case len(infos) > 1:
		return nil, errManyItems(filename)
	case len(infos) == 0:
		return nil, errEmptyFile(filename)
	}
	object, ok := infos[0].Object.(*unstructured.Unstructured)
	if kind := infos[0].Object.GetObjectKind().GroupVersionKind(); !ok || kind != api.GroupVersionKind {
		return nil, errNoRC(filename, kind.String())
	}
	if object.GetName() != o.name {
		return nil, errOtherName(filename, object.GetName(), o.name)
	}
	return object, nil
}

// fromFile is the ReplicationController as the file has it. It is sent as kubectl replace
// sends a manifest, without what tells one that was read before; labels and annotations
// that the file does not mention stay, since settings are among them.
func (o *options) fromFile(rc, file *unstructured.Unstructured, before progress.Rollout) *unstructured.Unstructured {
	object := api.EmptyRC()
	object.SetNamespace(rc.GetNamespace())
	object.SetName(rc.GetName())
	labels, annotations := map[string]string{}, map[string]string{}
	maps.Copy(labels, rc.GetLabels())
	maps.Copy(annotations, rc.GetAnnotations())
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, api.Prefix) })
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return strings.HasPrefix(key, api.Prefix) && !slices.Contains(api.Settings, key)
	})
	maps.Copy(labels, file.GetLabels())
	maps.Copy(annotations, file.GetAnnotations())
	if o.period != nil {
		annotations[api.UpdatePeriodAnnotation] = o.period.String()
	}
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	spec := api.SpecOf(file).DeepCopy()
	if _, stated := spec["replicas"]; !stated {
		spec["replicas"] = int64(before.Desired)
	}
	if sameImages := reflect.DeepEqual(spec.Images(), before.Live.Images()); sameImages && !before.Phase.Pending() {
		_ = unstructured.SetNestedField(spec, time.Now().UTC().Format(time.RFC3339), "template", "metadata", "annotations", restart)
	}
	object.Object["spec"] = map[string]any(spec)
	return object
}
