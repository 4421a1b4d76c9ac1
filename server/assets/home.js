// The front page: shows the newest videos through the public API. All text is set as text.
const shownVideos = 12;
const list = document.getElementById('videos');
const chinese = document.documentElement.lang === 'zh-CN';

document.getElementById('address').textContent = location.origin;
document.getElementById('unreachable').hidden = !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);

function comments(count) {
  if (chinese) return `${count} 条评论`;
  return count === 1 ? '1 comment' : `${count} comments`;
}

function card(video) {
  const item = document.createElement('li');
  const player = document.createElement('video');
  player.src = video.play_url;
  player.poster = video.cover_url;
  player.controls = true;
  player.preload = 'metadata';
  player.playsInline = true;
  player.loop = true;
  player.setAttribute('aria-label', video.title || video.author.name);
  // One at a time: starting one pauses the others.
  player.addEventListener('play', () => {
    for (const other of list.querySelectorAll('video')) if (other !== player) other.pause();
  });
  const title = document.createElement('p');
  title.className = 'title';
  title.textContent = video.title;
  const counts = document.createElement('p');
  counts.className = 'counts';
  counts.textContent = `@${video.author.name} · ♥ ${video.favorite_count} · ${comments(video.comment_count)}`;
  item.append(player, title, counts);
  return item;
}

try {
  const response = await fetch('/douyin/feed/');
  const answer = await response.json();
  if (answer.status_code !== 0) throw new Error(answer.status_msg);
  list.replaceChildren(...answer.video_list.slice(0, shownVideos).map(card));
  document.getElementById('empty').hidden = answer.video_list.length > 0;
} catch {
  document.getElementById('failed').hidden = false;
}
