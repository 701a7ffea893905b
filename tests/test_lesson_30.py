"""What lesson 30 builds is as it says."""

from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()


def test_short_names_of_devices():
    where = lesson_parts("30", only=("where",))["where"]
    with tf.device("CPU:0"):
        assert where(tf.constant(1)) == "CPU:0"


def test_a_profile_is_read_by_kind(tmp_path):
    read_profile = lesson_parts("30", only=("read_profile",))["read_profile"]
    multiply = tf.function(lambda x: tf.matmul(x, x))
    x = tf.ones((64, 64))
    multiply(x)
    with tf.profiler.experimental.Profile(str(tmp_path)):
        for _ in range(3):
            multiply(x).numpy()
    spent = read_profile(tmp_path)
    assert spent and all(time >= 0 for time in spent.values())
    assert list(spent.values()) == sorted(spent.values(), reverse=True)
    assert any("MatMul" in kind for kind in spent)
